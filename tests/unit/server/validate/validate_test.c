/* Tests of server/validate: validate, http_01 and dns_01. What whole programs see is in
 * tests/flow/test_http_01.py. */
#include "validate_world.h"

#include <string.h>

static void verdicts(void **state)
{
    struct world *w = *state;
    static const struct {
        const char *name;
        const char *answer;
        enum err code; /* ERR_OK: valid */
        const char *word;
        int asked; /* DNS questions */
    } rows[] = {
        {"good.test", HTTP_OK PROOF, ERR_OK, "", 2},
        {"good.test", HTTP_OK PROOF "\r\n", ERR_OK, "", 2},
        {"good.test", HTTP_OK "x", ERR_UNAUTHORIZED, "\"x\"", 2},
        {"good.test", "HTTP/1.1 404 No\r\n\r\n" PROOF, ERR_UNAUTHORIZED, "404", 2},
        {"good.test", "HTTP/1.1 302 Go\r\nLocation: http://10.0.0.1/\r\n\r\n",
         ERR_CONNECTION, "10.0.0.1 is private use", 2},
        {"good.test", "HTTP/1.1 302 Go\r\nLocation: http://good.test:8/\r\n\r\n",
         ERR_CONNECTION, "port 8", 2},
        {"good.test", "HTTP/1.1 302 Go\r\nLocation: http://gone.test/\r\n\r\n", ERR_DNS,
         "redirects to http://gone.test/", 4},
        {"gone.test", "", ERR_DNS, "NXDOMAIN", 2},
        {"none.test", "", ERR_DNS, "neither A nor AAAA", 2},
        {"inside.test", "", ERR_CONNECTION, "10.0.0.1", 2},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        w->answer = rows[i].answer;
        validate_world_check(w, rows[i].name);
        if (w->valid != (rows[i].code == ERR_OK) ||
            strstr(w->detail, rows[i].word) == NULL)
            print_error("row %zu: %s\n", i, w->detail);
        assert_int_equal(w->valid, rows[i].code == ERR_OK);
        assert_int_equal(w->code, rows[i].code);
        assert_non_null(strstr(w->detail, rows[i].word));
        assert_int_equal(w->asked, rows[i].asked);
        assert_int_equal(w->record[0], '[');
        assert_non_null(strstr(w->record, rows[i].name));
    }
}

static void texts(void **state)
{
    struct world *w = *state;
    static const struct {
        const char *name;
        enum err code;     /* ERR_OK: valid */
        const char *words; /* in the refusal */
        const char *seen;  /* in the record */
    } rows[] = {
        {"good.test", ERR_OK, "", "\"" DIGEST_HEAD DIGEST_TAIL "\""},
        {"wrong.test", ERR_UNAUTHORIZED,
         "the TXT record of _acme-challenge.wrong.test is \"" DIGEST_HEAD
         "???\"x\"; expected \"" DIGEST_HEAD DIGEST_TAIL "\"",
         "\"txt\":[\"" DIGEST_HEAD},
        {"wrongs.test", ERR_UNAUTHORIZED,
         "the 2 TXT records of _acme-challenge.wrongs.test are \"", "\"txt\":[\""},
        {"none.test", ERR_UNAUTHORIZED,
         "_acme-challenge.none.test has no TXT record; expected one with "
         "\"" DIGEST_HEAD DIGEST_TAIL "\"",
         "\"txt\":[]"},
        {"gone.test", ERR_DNS,
         "there is no name _acme-challenge.gone.test in the DNS (NXDOMAIN)",
         "\"txt\":\"NXDOMAIN\""},
    };

    w->type = CHALLENGE_DNS_01;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        validate_world_check(w, rows[i].name);
        if (strstr(w->detail, rows[i].words) == NULL)
            print_error("row %zu: %s\n", i, w->detail);
        assert_int_equal(w->valid, rows[i].code == ERR_OK);
        assert_int_equal(w->code, rows[i].code);
        assert_non_null(strstr(w->detail, rows[i].words));
        assert_int_equal(w->asked, 1);
        assert_non_null(strstr(w->record, rows[i].seen));
        assert_non_null(strstr(w->record, "[{\"lookup\":\"_acme-challenge."));
    }
}

/* Trouble with a lookup of texts is tried again; silence ends with the time. */
static void trouble_with_texts(void **state)
{
    struct world *w = *state;

    w->type = CHALLENGE_DNS_01;
    validate_world_check(w, "broken.test");
    assert_int_equal(w->code, ERR_DNS);
    assert_non_null(strstr(w->detail, "looking up the TXT records of "
                                      "_acme-challenge.broken.test failed: SERVFAIL"));
    assert_true(w->asked > 1);
    w->options.timeout_ms = 300;
    assert_true(validate_reload(w->validator, &w->options));
    validate_world_check(w, "silent.test");
    assert_int_equal(w->code, ERR_DNS);
    assert_non_null(
        strstr(w->detail, "looking up the TXT records of _acme-challenge.silent.test: no "
                          "answer in time from the resolver 127.0.0.1:"));
}

/* "_acme-challenge." in front must leave a name of the DNS. */
static void no_room_for_the_label(void **state)
{
    struct world *w = *state;
    char name[254];

    w->type = CHALLENGE_DNS_01;
    memset(name, 'x', sizeof name);
    for (size_t i = 60; i < sizeof name - 1; i += 60)
        name[i] = '.';
    name[238] = '\0'; /* one octet too many */
    validate_world_check(w, name);
    assert_int_equal(w->code, ERR_DNS);
    assert_non_null(strstr(w->detail, "too long for the DNS"));
    assert_int_equal(w->asked, 0);
    name[237] = '\0';
    validate_world_check(w, name);
    assert_int_equal(w->code, ERR_UNAUTHORIZED);
    assert_int_equal(w->asked, 1);
}

/* An address is not looked up (RFC 8738 4). */
static void addresses(void **state)
{
    struct world *w = *state;

    validate_world_check(w, "127.0.0.1");
    assert_true(w->valid);
    assert_int_equal(w->asked, 0);
    assert_non_null(strstr(w->record, "[{\"url\":\"http://127.0.0.1/.well-known/"));
    validate_world_check(w, "10.0.0.1");
    assert_int_equal(w->code, ERR_CONNECTION);
    assert_non_null(strstr(w->detail, "10.0.0.1 is private use"));
    validate_world_check(w, "fd00::1");
    assert_non_null(strstr(w->detail, "fd00::1 is unique local"));
    assert_int_equal(w->asked, 0);
    validate_world_check(w, "FD00::1"); /* the front sends canonical forms */
    assert_int_equal(w->code, ERR_INTERNAL);
}

/* S-RETRY-3: tried again before it counts, told each time, and on record. */
static void trouble(void **state)
{
    struct world *w = *state;

    validate_world_check(w, "broken.test");
    assert_int_equal(w->code, ERR_DNS);
    assert_non_null(strstr(w->detail, "SERVFAIL"));
    assert_true(w->asked > 2);
    assert_int_equal(w->troubles, 3);
    w->answer = "";
    validate_world_check(w, "good.test");
    assert_int_equal(w->code, ERR_CONNECTION);
    assert_non_null(strstr(w->detail, "closed without an answer"));
    assert_true(w->asked > 2);
    assert_int_equal(w->troubles, 3);
}

/* Nothing takes longer than the time there is. */
static void time_is_up(void **state)
{
    struct world *w = *state;

    w->options.timeout_ms = 300;
    assert_true(validate_reload(w->validator, &w->options));
    validate_world_check(w, "silent.test");
    assert_int_equal(w->code, ERR_DNS);
    assert_non_null(strstr(w->detail, "looking up the A and AAAA records of silent.test: "
                                      "no answer in time from the resolver 127.0.0.1:"));
    w->answer = NULL;
    validate_world_check(w, "good.test");
    assert_int_equal(w->code, ERR_CONNECTION);
    assert_non_null(strstr(w->detail, "no answer in time"));
}

static void networks_are_reloaded(void **state)
{
    struct world *w = *state;

    validate_world_check(w, "good.test");
    assert_true(w->valid);
    w->view.allowed_count = 0;
    w->view.resolver.port = 1; /* stays as it was */
    assert_false(validate_reload(w->validator, &w->options));
    validate_world_check(w, "good.test");
    assert_int_equal(w->code, ERR_CONNECTION);
    assert_non_null(strstr(w->detail, "loopback"));
}

static void other_questions(void **state)
{
    struct world *w = *state;
    struct validate_question q = {.type = (enum challenge_type)99,
                                  .identifier = "good.test",
                                  .token = TOKEN,
                                  .key_authorization = PROOF};

    validate_world_ask(w, &q);
    loop_run(w->loop);
    assert_int_equal(w->code, ERR_INTERNAL);
    q.key_authorization = "";
    w->answer = HTTP_OK;
    for (int type = CHALLENGE_HTTP_01; type <= CHALLENGE_DNS_01; type++) {
        q.type = (enum challenge_type)type;
        w->code = ERR_OK;
        validate_world_ask(w, &q);
        loop_run(w->loop);
        assert_int_equal(w->code, ERR_INTERNAL);
    }
    q.key_authorization = PROOF;
    q.identifier = "192.0.2.1"; /* dns-01 is not for addresses (RFC 8738 7) */
    w->code = ERR_OK;
    validate_world_ask(w, &q);
    loop_run(w->loop);
    assert_int_equal(w->code, ERR_INTERNAL);
    assert_int_equal(w->verdicts, 4);
}

static void many(void **state)
{
    struct world *w = *state;

    for (int i = 0; i < 50; i++)
        validate_world_begin(w, "good.test");
    loop_run(w->loop);
    assert_int_equal(w->verdicts, 50);
    assert_true(w->valid);
}

/* Checks at every stage are given up without a verdict. */
static void freed_under_way(void **state)
{
    struct world *w = *state;

    for (int i = 0; i < 5; i++) {
        validate_world_begin(w, "silent.test");
        validate_world_begin(w, "good.test");
        validate_world_begin(w, "gone.test");
        w->type = CHALLENGE_DNS_01;
        validate_world_begin(w, "silent.test");
        w->type = CHALLENGE_HTTP_01;
    }
    /* tear_down frees the validator */
    assert_int_equal(validate_running(w->validator), 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(verdicts, validate_world_set_up,
                                        validate_world_tear_down),
        cmocka_unit_test_setup_teardown(texts, validate_world_set_up,
                                        validate_world_tear_down),
        cmocka_unit_test_setup_teardown(trouble_with_texts, validate_world_set_up,
                                        validate_world_tear_down),
        cmocka_unit_test_setup_teardown(no_room_for_the_label, validate_world_set_up,
                                        validate_world_tear_down),
        cmocka_unit_test_setup_teardown(addresses, validate_world_set_up,
                                        validate_world_tear_down),
        cmocka_unit_test_setup_teardown(trouble, validate_world_set_up,
                                        validate_world_tear_down),
        cmocka_unit_test_setup_teardown(time_is_up, validate_world_set_up,
                                        validate_world_tear_down),
        cmocka_unit_test_setup_teardown(networks_are_reloaded, validate_world_set_up,
                                        validate_world_tear_down),
        cmocka_unit_test_setup_teardown(other_questions, validate_world_set_up,
                                        validate_world_tear_down),
        cmocka_unit_test_setup_teardown(many, validate_world_set_up,
                                        validate_world_tear_down),
        cmocka_unit_test_setup_teardown(freed_under_way, validate_world_set_up,
                                        validate_world_tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
