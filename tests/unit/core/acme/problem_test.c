/* Tests of core/acme/problem: errors to documents and back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "core/acme/problem.h"
#include "core/json/json_read.h"

static void written(void **state)
{
    AUTO(buf) struct buf b = buf_make(4096);
    struct err_info why = {0};

    (void)state;
    (void)err_set(&why, ERR_BAD_CSR, "a \"quoted\" detail");
    problem_write(&b, &why, "[\"ES256\"]");
    assert_true(span_is(buf_span(&b),
                        "{\"type\":\"urn:ietf:params:acme:error:badCSR\","
                        "\"detail\":\"a \\\"quoted\\\" detail\",\"status\":400}"));
    buf_clear(&b);
    (void)err_set(&why, ERR_BAD_SIGNATURE_ALGORITHM, "x");
    problem_write(&b, &why, "[\"ES256\"]");
    assert_true(span_is(buf_span(&b),
                        "{\"type\":\"urn:ietf:params:acme:error:badSignatureAlgorithm\","
                        "\"detail\":\"x\",\"status\":400,\"algorithms\":[\"ES256\"]}"));
    buf_clear(&b);
    (void)err_set(&why, ERR_USER_ACTION_REQUIRED, "x");
    why.instance = "https://a.test/help";
    problem_write(&b, &why, NULL);
    assert_true(span_is(buf_span(&b),
                        "{\"type\":\"urn:ietf:params:acme:error:userActionRequired\","
                        "\"detail\":\"x\",\"status\":403,"
                        "\"instance\":\"https://a.test/help\"}"));
    why.http_status = 400;
    assert_int_equal(problem_status(&why), 400);
    AUTO(arena) struct arena *a = arena_new();
    assert_non_null(strstr(problem_text(a, &why), "\"status\":400,"));
    (void)err_set(&why, ERR_NOT_FOUND, "another error has no such page, and a status");
    assert_null(why.instance);
    assert_int_equal(problem_status(&why), 404);
    /* no detail of our own: the code's sentence */
    buf_clear(&b);
    why = (struct err_info){.code = ERR_ORDER_NOT_READY};
    problem_write(&b, &why, NULL);
    assert_non_null(strstr((const char *)b.data, err_sentence(ERR_ORDER_NOT_READY)));
}

/* What is internal stays so, for every such code. */
static void internal(void **state)
{
    static const enum err codes[] = {ERR_INTERNAL, ERR_IO,     ERR_STORE, ERR_CRYPTO,
                                     ERR_LINT,     ERR_CONFIG, ERR_LOCKED};
    AUTO(arena) struct arena *a = arena_new();

    (void)state;
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        struct err_info why = {0};
        (void)err_set(&why, codes[i], "secret path /x");
        char *text = problem_text(a, &why);
        assert_null(strstr(text, "secret"));
        assert_non_null(strstr(text, "urn:ietf:params:acme:error:serverInternal"));
        assert_non_null(strstr(text, "\"status\":500"));
    }
}

/* Every code of the protocol comes back as itself. */
static void there_and_back(void **state)
{
    AUTO(arena) struct arena *a = arena_new();
    size_t shown = 0;

    (void)state;
    for (int code = ERR_OK + 1; code < ERR_COUNT; code++) {
        struct err_info why = {0};
        struct err_info read = {0};
        if (err_acme_type((enum err)code) == NULL)
            continue;
        shown++;
        (void)err_set(&why, (enum err)code, "some detail");
        enum err back = problem_read(a, err_http_status((enum err)code),
                                     span_of(problem_text(a, &why)), &read);
        assert_int_equal(read.code, back);
        /* several codes share a type; the type is kept */
        assert_string_equal(err_acme_type(back), err_acme_type((enum err)code));
        assert_non_null(strstr(read.detail, "some detail"));
        assert_int_equal(err_http_status((enum err)code) / 100,
                         err_http_status((enum err)code) < 500 ? 4 : 5);
    }
    assert_true(shown > 30);
}

static void read_from_others(void **state)
{
    static const struct {
        const char *body;
        enum err code;
        const char *words;
    } rows[] = {
        {"", ERR_PROTOCOL, "without a problem document"},
        {"<html>", ERR_PROTOCOL, "without a problem document"},
        {"[]", ERR_PROTOCOL, "without a problem document"},
        {"{}", ERR_REFUSED, "no detail given"},
        {"{\"type\":\"about:blank\",\"detail\":\"d\"}", ERR_REFUSED, "about:blank"},
        {"{\"type\":7,\"detail\":[]}", ERR_REFUSED, "no type"},
        {"{\"type\":\"urn:ietf:params:acme:error:whoKnows\"}", ERR_REFUSED, "whoKnows"},
        {"{\"type\":\"urn:ietf:params:acme:error:rateLimited\",\"detail\":\"slow\"}",
         ERR_RATE_LIMITED, "slow"},
        {"{\"type\":\"urn:ietf:params:acme:error:compound\",\"detail\":\"two\","
         "\"subproblems\":[{\"detail\":\"no\",\"identifier\":{\"type\":\"dns\","
         "\"value\":\"a.test\"}},{\"detail\":\"never\"},7]}",
         ERR_COMPOUND, "; a.test: no; the order: never"},
        {"{\"type\":\"urn:ietf:params:acme:error:caa\",\"detail\":\"no\","
         "\"subproblems\":[{\"detail\":\"no\",\"identifier\":{\"type\":\"dns\","
         "\"value\":\"a.test\"}},{\"detail\":\"never\"}]}",
         ERR_CAA, "no (caa, HTTP 403); the order: never"},
    };
    AUTO(arena) struct arena *a = arena_new();

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct err_info why = {0};
        assert_int_equal(problem_read(a, 403, span_of(rows[i].body), &why), rows[i].code);
        if (strstr(why.detail, rows[i].words) == NULL)
            fail_msg("%s: %s", rows[i].body, why.detail);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(written),
        cmocka_unit_test(internal),
        cmocka_unit_test(there_and_back),
        cmocka_unit_test(read_from_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
