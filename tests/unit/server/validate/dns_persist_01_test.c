/* Tests of server/validate: dns-persist-01, and dns-account-01 of dns_01.c. Which record
 * grants what is tested in core/acme/dns_persist. */
#include "validate_world.h"

#include <string.h>

#define URI "https://example.com/acme/acct/ExampleAccount"

static void ask(struct world *w, const struct validate_question *q)
{
    w->verdicts = 0;
    w->asked = 0;
    w->troubles = 0;
    validate_world_ask(w, q);
    loop_run(w->loop);
    assert_int_equal(w->verdicts, 1);
}

/* S-DNSP-3 to 8, 13 */
static void persistent_records(void **state)
{
    struct world *w = *state;
    static const struct {
        const char *name;
        bool wildcard;
        enum err code; /* ERR_OK: valid */
        const char *words;
        int64_t until;
    } rows[] = {
        {"kept.test", false, ERR_OK, "", 0},
        {"kept.test", true, ERR_UNAUTHORIZED,
         "the TXT record \"" PERSIST "\" of _validation-persist.kept.test is for this "
         "name only: wildcards and names below it need policy=wildcard; expected "
         "\"" PERSIST "; policy=wildcard\"",
         0},
        {"kept-wild.test", true, ERR_OK, "", 0},
        {"kept-until.test", false, ERR_OK, "", 4000000001}, /* the last of both */
        {"kept-twice.test", false, ERR_OK, "", 0},
        {"kept-over.test", false, ERR_UNAUTHORIZED, "persistUntil=1000 is past", 0},
        {"kept-badly.test", false, ERR_MALFORMED, "persistUntil=soon", 0},
        {"kept-else.test", false, ERR_UNAUTHORIZED,
         "no TXT record of _validation-persist.kept-else.test is for this CA, they are "
         "\"else.test; accounturi=https://ca.test/1\"; expected \"" PERSIST "\"",
         0},
        {"none.test", false, ERR_UNAUTHORIZED,
         "_validation-persist.none.test has no TXT record; expected \"" PERSIST "\"", 0},
        {"gone.test", false, ERR_DNS,
         "there is no name _validation-persist.gone.test in the DNS (NXDOMAIN); expected "
         "a TXT record \"" PERSIST "\" there",
         0},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        ask(w, &(struct validate_question){.purpose = VALIDATE_CONTROL_ONLY,
                                           .type = CHALLENGE_DNS_PERSIST_01,
                                           .identifier = rows[i].name,
                                           .wildcard = rows[i].wildcard,
                                           .key_authorization = "https://ca.test/1",
                                           .caa_identities = "ca.test ca2.test"});
        if (w->code != rows[i].code || strstr(w->detail, rows[i].words) == NULL)
            fail_msg("row %zu: %s", i, w->detail);
        assert_int_equal(w->valid, rows[i].code == ERR_OK);
        assert_int_equal(w->until, rows[i].until);
        assert_int_equal(w->asked, 1);
        assert_int_equal(w->troubles, 0);
    }
}

/* S-DNSA-2, 3, 4 */
static void the_label_of_an_account(void **state)
{
    struct world *w = *state;
    static const struct {
        const char *name;
        enum err code;
        const char *words;
    } rows[] = {
        {"good.test", ERR_OK, ""},
        {"wrong.test", ERR_UNAUTHORIZED,
         "the TXT record of _ujmmovf2vn55tgye._acme-challenge.wrong.test is \""},
        {"none.test", ERR_UNAUTHORIZED,
         "has no TXT record; expected one with \"" DIGEST_HEAD DIGEST_TAIL
         "\"; the first label is that of the account " URI},
        {"gone.test", ERR_DNS, "(NXDOMAIN); the first label is that of the account " URI},
        {"broken.test", ERR_DNS, "SERVFAIL"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        ask(w, &(struct validate_question){.type = CHALLENGE_DNS_ACCOUNT_01,
                                           .identifier = rows[i].name,
                                           .token = TOKEN,
                                           .key_authorization = PROOF,
                                           .account_uri = URI});
        if (w->code != rows[i].code || strstr(w->detail, rows[i].words) == NULL)
            fail_msg("row %zu: %s", i, w->detail);
        assert_int_equal(w->valid, rows[i].code == ERR_OK);
        assert_non_null(strstr(w->record, "\"_ujmmovf2vn55tgye._acme-challenge."));
    }
}

/* What the front never asks. */
static void questions_that_are_none(void **state)
{
    struct world *w = *state;
    const struct validate_question questions[] = {
        {.type = CHALLENGE_DNS_PERSIST_01,
         .identifier = "kept.test",
         .key_authorization = "https://ca.test/1"},
        {.type = CHALLENGE_DNS_PERSIST_01,
         .identifier = "kept.test",
         .caa_identities = "ca.test"},
        {.type = CHALLENGE_DNS_PERSIST_01,
         .identifier = "192.0.2.1",
         .caa_identities = "ca.test",
         .key_authorization = "https://ca.test/1"},
        {.type = CHALLENGE_DNS_ACCOUNT_01,
         .identifier = "good.test",
         .key_authorization = PROOF},
        {.type = CHALLENGE_DNS_ACCOUNT_01, .identifier = "good.test", .account_uri = URI},
        {.type = CHALLENGE_DNS_ACCOUNT_01,
         .identifier = "::1",
         .account_uri = URI,
         .key_authorization = PROOF},
    };

    for (size_t i = 0; i < sizeof questions / sizeof questions[0]; i++) {
        ask(w, &questions[i]);
        assert_false(w->valid);
        assert_int_equal(w->code, ERR_INTERNAL);
        assert_int_equal(w->asked, 0);
    }
}

/* A name may be too long for the labels. */
static void no_room(void **state)
{
    struct world *w = *state;
    char name[251];

    for (size_t i = 0; i < sizeof name - 1; i++)
        name[i] = i % 50 == 49 ? '.' : 'a';
    name[sizeof name - 2] = 'a';
    name[sizeof name - 1] = '\0';
    ask(w, &(struct validate_question){.type = CHALLENGE_DNS_PERSIST_01,
                                       .identifier = name,
                                       .key_authorization = "https://ca.test/1",
                                       .caa_identities = "ca.test"});
    assert_int_equal(w->code, ERR_DNS);
    assert_non_null(strstr(w->detail, "dns-persist-01 cannot prove such a name"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(persistent_records, validate_world_set_up,
                                        validate_world_tear_down),
        cmocka_unit_test_setup_teardown(the_label_of_an_account, validate_world_set_up,
                                        validate_world_tear_down),
        cmocka_unit_test_setup_teardown(questions_that_are_none, validate_world_set_up,
                                        validate_world_tear_down),
        cmocka_unit_test_setup_teardown(no_room, validate_world_set_up,
                                        validate_world_tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
