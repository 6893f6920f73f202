/* Tests of server/validate/caa: whose records count, and what cannot be looked up. */
#include "validate_world.h"

#include <stdio.h>
#include <string.h>

#include "core/base/clock.h"

#define US  "ca.test"
#define URI "https://ca.test/acme/account/1"
#define FORBID                                                                           \
    {                                                                                    \
        "issue ;"                                                                        \
    }
#define ALLOW                                                                            \
    {                                                                                    \
        "issue " US                                                                      \
    }

static const struct validate_question question = {.purpose = VALIDATE_CAA,
                                                  .type = CHALLENGE_HTTP_01,
                                                  .token = TOKEN,
                                                  .key_authorization = PROOF,
                                                  .account_uri = URI,
                                                  .caa_identities = US};

static void ask(struct world *w, const struct validate_question *q)
{
    w->verdicts = 0;
    w->troubles = 0;
    validate_world_forget_asked(w);
    validate_world_ask(w, q);
    assert_int_equal(w->verdicts, 0);
    loop_run(w->loop);
    assert_int_equal(w->verdicts, 1);
    assert_int_equal(validate_running(w->validator), 0);
}

static void ask_about(struct world *w, const char *name, bool wildcard)
{
    struct validate_question q = question;

    q.identifier = name;
    q.wildcard = wildcard;
    ask(w, &q);
}

static void expect(const struct world *w, const char *what, enum err code,
                   const char *detail, const char *record)
{
    if (w->valid != (code == ERR_OK) || w->code != code ||
        strstr(w->detail, detail) == NULL || strstr(w->record, record) == NULL)
        fail_msg("%s: %d %d \"%s\" %s", what, w->valid, (int)w->code, w->detail,
                 w->record);
}

/* V-CAA-1, 2, 3, 23: */
static const struct {
    const char *what;
    struct caa_node nodes[CAA_NODES_MAX];
    const char *name;
    bool wildcard;
    enum err code;
    const char *detail;
    const char *record;
} rows[] = {
    {"none anywhere",
     {{.name = ""}},
     "a.b.test",
     false,
     ERR_OK,
     "",
     "{\"caa\":{\"records\":[],\"allowed\":true}}"},
    {"at the name",
     {{.name = "a.b.test", .records = FORBID}},
     "a.b.test",
     false,
     ERR_CAA,
     "of a.b.test (0 issue \";\")",
     "\"at\":\"a.b.test\",\"records\":[\"0 issue \\\";\\\"\"],\"allowed\":false"},
    {"above it",
     {{.name = "b.test", .records = FORBID}},
     "a.b.test",
     false,
     ERR_CAA,
     "of b.test",
     "\"at\":\"b.test\""},
    {"at the top",
     {{.name = "test", .records = FORBID}},
     "a.b.test",
     false,
     ERR_CAA,
     "of test",
     ""},
    {"not at the root",
     {{.name = "", .records = FORBID}},
     "a.b.test",
     false,
     ERR_OK,
     "",
     ""},
    {"the lowest counts",
     {{.name = "a.b.test", .records = ALLOW}, {.name = "b.test", .records = FORBID}},
     "a.b.test",
     false,
     ERR_OK,
     "",
     "\"allowed\":true"},
    {"the lowest counts, also against us",
     {{.name = "a.b.test", .records = FORBID}, {.name = "b.test", .records = ALLOW}},
     "a.b.test",
     false,
     ERR_CAA,
     "of a.b.test",
     ""},
    {"it restricts nothing, but counts",
     {{.name = "a.b.test", .records = {"iodef mailto:a@b"}},
      {.name = "b.test", .records = FORBID}},
     "a.b.test",
     false,
     ERR_OK,
     "",
     ""},
    {"a sister's",
     {{.name = "c.b.test", .records = FORBID}},
     "a.b.test",
     false,
     ERR_OK,
     "",
     ""},
    {"a child's",
     {{.name = "c.a.b.test", .records = FORBID}},
     "a.b.test",
     false,
     ERR_OK,
     "",
     ""},
    {"no such name",
     {{.name = "a.b.test", .rcode = 3},
      {.name = "b.test", .rcode = 3},
      {.name = "test", .records = ALLOW}},
     "a.b.test",
     false,
     ERR_OK,
     "",
     ""},
    {"no such name, and forbidden",
     {{.name = "a.b.test", .rcode = 3}, {.name = "test", .records = FORBID}},
     "a.b.test",
     false,
     ERR_CAA,
     "of test",
     ""},
    {"a wildcard's base",
     {{.name = "b.test", .records = {"issue " US, "issuewild ;"}}},
     "b.test",
     true,
     ERR_CAA,
     "issuewild",
     ""},
    {"the same without",
     {{.name = "b.test", .records = {"issue " US, "issuewild ;"}}},
     "b.test",
     false,
     ERR_OK,
     "",
     ""},
    {"an alias",
     {{.name = "a.b.test", .alias = true}, {.name = "x.a.b.test", .records = FORBID}},
     "a.b.test",
     false,
     ERR_CAA,
     "of a.b.test",
     ""},
    {"an alias to nothing, and up from the name",
     {{.name = "a.b.test", .alias = true}, {.name = "b.test", .records = FORBID}},
     "a.b.test",
     false,
     ERR_CAA,
     "of b.test",
     ""},
    {"an alias above",
     {{.name = "b.test", .alias = true},
      {.name = "x.b.test", .records = ALLOW},
      {.name = "test", .records = FORBID}},
     "a.b.test",
     false,
     ERR_OK,
     "",
     ""},
    {"critical",
     {{.name = "b.test", .records = {"issue " US, "!tbs x"}}},
     "a.b.test",
     false,
     ERR_CAA,
     "critical",
     "128 tbs"},
    {"SERVFAIL once",
     {{.name = "b.test", .rcode = 2, .once = true, .records = FORBID}},
     "a.b.test",
     false,
     ERR_CAA,
     "of b.test",
     ""},
    {"SERVFAIL above what counts",
     {{.name = "b.test", .rcode = 2}, {.name = "a.b.test", .records = ALLOW}},
     "a.b.test",
     false,
     ERR_OK,
     "",
     ""},
};

/* Each row has a validator of its own: what the one before did not wait for is asked
 * still, and libunbound would let the same question wait for that answer. */
static void climbs(void **state)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        size_t count = 0;
        (void)validate_world_tear_down(state);
        (void)validate_world_set_up(state);
        struct world *w = *state;
        while (count < CAA_NODES_MAX && rows[i].nodes[count].name != NULL)
            count++;
        validate_world_caa(w, rows[i].nodes, count);
        ask_about(w, rows[i].name, rows[i].wildcard);
        expect(w, rows[i].what, rows[i].code, rows[i].detail, rows[i].record);
        assert_true(validate_world_asked_caa_only(w));
    }
}

/* V-CAA-12: what is not known allows nothing, also below what would. */
static void fails_closed(void **state)
{
    struct world *w = *state;
    struct caa_node nodes[] = {{.name = "a.b.test", .rcode = 2},
                               {.name = "b.test", .records = ALLOW}};

    validate_world_caa(w, nodes, 2);
    ask_about(w, "a.b.test", false);
    expect(w, "SERVFAIL", ERR_DNS,
           "looking up the CAA records of a.b.test failed, so no certificate is issued "
           "for a.b.test: SERVFAIL",
           "\"error\":\"SERVFAIL, from a server or for want of an "
           "answer\",\"allowed\":false");
    assert_int_equal(w->troubles, 3);
    nodes[0] = (struct caa_node){.name = "a.b.test", .rcode = 5};
    validate_world_caa(w, nodes, 2);
    ask_about(w, "a.b.test", false);
    expect(w, "REFUSED", ERR_DNS, "CAA records of a.b.test failed", "");
    nodes[0] = (struct caa_node){.name = "a.b.test", .malformed = true, .records = ALLOW};
    validate_world_caa(w, nodes, 2);
    ask_about(w, "a.b.test", false);
    expect(w, "malformed", ERR_DNS, "CAA records of a.b.test failed", "");
    nodes[0] = (struct caa_node){.name = "a.b.test", .silent = true};
    validate_world_caa(w, nodes, 2);
    ask_about(w, "a.b.test", false);
    /* on a machine that stands still for seconds, libunbound gives up at the same moment
     */
    bool gave_up = strstr(w->detail, "no server answered") != NULL;
    expect(w, "silence", ERR_DNS,
           gave_up ? "looking up the CAA records of a.b.test failed"
                   : "looking up the CAA records of a.b.test: no answer in time",
           "");
}

/* Behind a proof, with retries of its own. */
static void after_control(void **state)
{
    struct world *w = *state;
    struct caa_node nodes[] = {{.name = "good.test", .records = FORBID},
                               {.name = "wrong.test", .records = ALLOW}};
    struct validate_question q = question;

    validate_world_caa(w, nodes, 2);
    q.purpose = VALIDATE_CONTROL;
    for (int type = CHALLENGE_HTTP_01; type <= CHALLENGE_DNS_01; type++) {
        q.type = (enum challenge_type)type;
        q.identifier = "good.test";
        nodes[0] = (struct caa_node){.name = "good.test", .records = FORBID};
        validate_world_caa(w, nodes, 2);
        ask(w, &q);
        expect(w, "forbidden", ERR_CAA, "of good.test", "\"lookup\":");
        nodes[0] = (struct caa_node){
            .name = "good.test", .rcode = 2, .once = true, .records = ALLOW};
        validate_world_caa(w, nodes, 2);
        ask(w, &q);
        expect(w, "trouble once", ERR_OK, "", "\"allowed\":true");
        /* the proof comes first, and is what is told */
        q.identifier = "gone.test";
        ask(w, &q);
        expect(w, "not proved", ERR_DNS, "NXDOMAIN", "");
        assert_int_equal(w->caa_asked, 0);
    }
    /* not asked for: no names, an address, names below */
    q.identifier = "good.test";
    q.type = CHALLENGE_HTTP_01;
    q.caa_identities = "";
    ask(w, &q);
    expect(w, "no names", ERR_OK, "", "");
    q.caa_identities = US;
    q.purpose = VALIDATE_CONTROL_ONLY;
    ask(w, &q);
    expect(w, "control only", ERR_OK, "", "");
    q.purpose = VALIDATE_CONTROL;
    q.identifier = "127.0.0.1"; /* V-CAA-25 */
    ask(w, &q);
    expect(w, "an address", ERR_OK, "", "");
    assert_int_equal(w->caa_asked, 0);
}

/* The method and the account are those of the question. */
static void who_asks(void **state)
{
    struct world *w = *state;
    struct caa_node nodes[] = {
        {.name = "test",
         .records = {"issue " US ";validationmethods=dns-01;accounturi=" URI}}};
    struct validate_question q = question;

    validate_world_caa(w, nodes, 1);
    q.identifier = "a.test";
    ask(w, &q);
    expect(w, "http-01", ERR_CAA, "proved by http-01", "");
    q.type = CHALLENGE_DNS_01;
    ask(w, &q);
    expect(w, "dns-01", ERR_OK, "", "");
    q.account_uri = URI "1";
    ask(w, &q);
    expect(w, "another account", ERR_CAA, "this one is " URI "1", "");
    q.account_uri = URI;
    q.type = (enum challenge_type) - 1;
    ask(w, &q);
    expect(w, "not known", ERR_CAA, "not known any more", "");
}

static void malformed_questions(void **state)
{
    struct world *w = *state;
    struct validate_question q = question;

    q.identifier = "a.test";
    q.caa_identities = "";
    ask(w, &q);
    expect(w, "no names", ERR_INTERNAL, "malformed", "");
    q.caa_identities = US;
    q.identifier = "127.0.0.1";
    ask(w, &q);
    expect(w, "an address", ERR_INTERNAL, "malformed", "");
    q.identifier = "";
    ask(w, &q);
    expect(w, "no name", ERR_INTERNAL, "malformed", "");
    assert_int_equal(w->asked, 0);
}

/* A name of 127 labels; many checks at once, given up half-way. */
static void bounds(void **state)
{
    struct world *w = *state;
    char name[256] = "a";

    for (int i = 1; i < 127; i++)
        (void)snprintf(name + strlen(name), sizeof name - strlen(name), ".a");
    ask_about(w, name, false);
    expect(w, "127 labels", ERR_OK, "", "");
    assert_true(w->caa_asked >= 127);
    struct caa_node node = {.name = "test", .silent = true};
    struct validate_question q = question;
    validate_world_caa(w, &node, 1);
    q.identifier = "a.b.c.test";
    for (int i = 0; i < 100; i++)
        validate_world_ask(w, &q);
    assert_int_equal(validate_running(w->validator), 100);
}

int main(void)
{
#define TEST(test)                                                                       \
    cmocka_unit_test_setup_teardown(test, validate_world_set_up, validate_world_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(climbs),   TEST(fails_closed),        TEST(after_control),
        TEST(who_asks), TEST(malformed_questions), TEST(bounds)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
