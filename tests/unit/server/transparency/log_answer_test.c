/* Tests of server/transparency/log_answer: what a log may say, and what it may not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "server/transparency/log_answer.h"
#include "server/transparency/sct.h"

#define ID    "\"id\":\"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\""
#define TIME  "\"timestamp\":1800000000123"
#define EMPTY "\"extensions\":\"\""
#define SIGN  "\"signature\":\"BAMAA2FiYw==\"" /* 4, 3, 3 octets "abc" */

static const struct {
    const char *text;
    const char *complaint; /* NULL: good */
} rows[] = {
    {"{\"sct_version\":0," ID "," TIME "," EMPTY "," SIGN "}", NULL},
    {"{\"sct_version\":0," ID "," TIME "," EMPTY "," SIGN ",\"more\":[1]}", NULL},
    {"{\"sct_version\":1," ID "," TIME "," EMPTY "," SIGN "}", "sct_version"},
    {"{\"sct_version\":\"0\"," ID "," TIME "," EMPTY "," SIGN "}", "sct_version"},
    {"{" ID "," TIME "," EMPTY "," SIGN "}", "sct_version"},
    {"{\"sct_version\":0," TIME "," EMPTY "," SIGN "}", "id is missing"},
    {"{\"sct_version\":0,\"id\":\"AAEC\"," TIME "," EMPTY "," SIGN "}",
     "id has 3 octets"},
    {"{\"sct_version\":0,\"id\":7," TIME "," EMPTY "," SIGN "}", "id"},
    {"{\"sct_version\":0," ID "," EMPTY "," SIGN "}", "timestamp"},
    {"{\"sct_version\":0," ID ",\"timestamp\":-1," EMPTY "," SIGN "}", "timestamp"},
    {"{\"sct_version\":0," ID ",\"timestamp\":1.5," EMPTY "," SIGN "}", "timestamp"},
    {"{\"sct_version\":0," ID ",\"timestamp\":99999999999999999999," EMPTY "," SIGN "}",
     ""},
    {"{\"sct_version\":0," ID "," TIME "," SIGN "}", "extensions is missing"},
    {"{\"sct_version\":0," ID "," TIME ",\"extensions\":\"A\"," SIGN "}",
     "extensions is not base64"},
    {"{\"sct_version\":0," ID "," TIME ",\"extensions\":\"A_==\"," SIGN "}",
     "extensions is not base64"},
    {"{\"sct_version\":0," ID "," TIME "," EMPTY "}", "signature is missing"},
    {"{\"sct_version\":0," ID "," TIME "," EMPTY ",\"signature\":\"BAMAAA==\"}",
     "signature has 4 octets"},
    {"{\"sct_version\":0," ID "," TIME "," EMPTY ",\"signature\":\"BAMABGFiYw==\"}",
     "signature has a wrong length inside"},
    {"{\"sct_version\":0," ID "," TIME "," EMPTY ",\"signature\":\"BAMAAmFiYw==\"}",
     "signature has a wrong length inside"},
    {"{\"sct_version\":0," ID "," ID "," TIME "," EMPTY "," SIGN "}", ""},
    {"[]", "no JSON object"},
    {"", ""},
    {"<html>", ""},
    {"{\"sct_version\":0," ID "," TIME "," EMPTY "," SIGN "} x", ""},
};

static void answers(void **state)
{
    AUTO(arena) struct arena *a = arena_new();

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct err_info why = {0};
        struct span octets = {0};
        struct sct sct;
        enum err result = log_answer_read(a, span_of(rows[i].text), &octets, &why);
        if (rows[i].complaint != NULL) {
            assert_int_equal(result, ERR_MALFORMED);
            assert_non_null(strstr(why.detail, rows[i].complaint));
            assert_int_equal(octets.len, 0);
            continue;
        }
        assert_int_equal(result, ERR_OK);
        assert_int_equal(sct_read(octets, &sct, NULL), ERR_OK);
        assert_int_equal(sct.timestamp, 1800000000123);
        assert_int_equal(sct.log_id.data[31], 31);
        assert_int_equal(sct.hash, 4);
        assert_int_equal(sct.algorithm, 3);
        assert_true(span_is(sct.signature, "abc"));
    }
}

/* As large as it may be, and larger. */
static void sizes(void **state)
{
    AUTO(arena) struct arena *a = arena_new();
    char *text = arena_get(a, LOG_ANSWER_MAX + 2);
    struct span octets = {0};
    static const char good[] = "{\"sct_version\":0," ID "," TIME "," EMPTY "," SIGN "}";

    (void)state;
    memset(text, ' ', LOG_ANSWER_MAX + 1);
    memcpy(text, good, sizeof good - 1);
    assert_int_equal(log_answer_read(a, span_make(text, LOG_ANSWER_MAX), &octets, NULL),
                     ERR_OK);
    assert_int_equal(
        log_answer_read(a, span_make(text, LOG_ANSWER_MAX + 1), &octets, NULL),
        ERR_MALFORMED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers),
        cmocka_unit_test(sizes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
