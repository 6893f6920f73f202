/* Tests of core/base/err. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "core/base/err.h"
#include "core/base/span.h"
#include "core/base/text.h"

static void set(void **state)
{
    struct err_info why = {0};

    (void)state;
    assert_int_equal(err_set(&why, ERR_BAD_CSR, "%s %d", "x", 7), ERR_BAD_CSR);
    assert_int_equal(why.code, ERR_BAD_CSR);
    assert_string_equal(why.detail, "x 7");
    assert_int_equal(err_set(NULL, ERR_IO, "x"), ERR_IO);
    assert_int_equal(err_set_os(&why, ERR_IO, ENOENT, "cannot open %s", "y"), ERR_IO);
    assert_int_equal(why.os_error, ENOENT);
    assert_string_equal(why.detail, "cannot open y: No such file or directory");
    assert_int_equal(err_set_os(NULL, ERR_IO, ENOENT, "x"), ERR_IO);
    assert_int_equal(err_prefix(&why, "file %d", 3), ERR_IO);
    assert_string_equal(why.detail, "file 3: cannot open y: No such file or directory");
}

/* What a client sends may stand in it: still printable, still UTF-8, still bounded. */
static void safe(void **state)
{
    struct err_info why = {0};
    char text[2 * ERR_DETAIL_MAX];

    (void)state;
    (void)err_set(&why, ERR_MALFORMED, "%s", "a\nb\x1b[31m\x7f\xff\xc3\xa4");
    assert_string_equal(why.detail, "a?b?[31m??\xc3\xa4");
    memset(text, 'a', sizeof text);
    text[sizeof text - 1] = '\0';
    (void)err_set(&why, ERR_MALFORMED, "%s", text);
    assert_int_equal(strlen(why.detail), ERR_DETAIL_MAX - 1);
    (void)err_prefix(&why, "prefix");
    assert_int_equal(strncmp(why.detail, "prefix: aaa", 11), 0);
    assert_true(strlen(why.detail) < ERR_DETAIL_MAX);
    /* cut in the middle of a character */
    for (size_t shift = 0; shift < 3; shift++) {
        memset(text, 'a', shift);
        for (size_t i = shift; i + 2 < sizeof text; i += 3)
            memcpy(text + i, "\xe2\x82\xac", 3);
        text[sizeof text - 1] = '\0';
        (void)err_set(&why, ERR_MALFORMED, "%s", text);
        assert_true(text_is_utf8(span_of(why.detail)));
    }
}

static void table(void **state)
{
    (void)state;
    for (int code = ERR_OK + 1; code < ERR_COUNT; code++) {
        enum err e = (enum err)code;
        assert_in_range(err_http_status(e), 400, 599);
        assert_true(strlen(err_sentence(e)) > 10);
        assert_true(strlen(err_name(e)) > 1);
        assert_in_range(err_retry(e), ERR_RETRY_NEVER, ERR_RETRY_LATER);
        const char *type = err_acme_type(e);
        if (type != NULL) {
            enum err back = err_from_acme_type(type, strlen(type));
            assert_string_equal(err_acme_type(back), type);
        }
    }
    assert_int_equal(err_from_acme_type("badNonce", 8), ERR_BAD_NONCE);
    assert_int_equal(err_from_acme_type("badNonceX", 8), ERR_BAD_NONCE);
    assert_int_equal(err_from_acme_type("badNonc", 7), ERR_REFUSED);
    assert_int_equal(err_from_acme_type("", 0), ERR_REFUSED);
    assert_int_equal(err_http_status(ERR_COUNT), 500);
    assert_null(err_acme_type(ERR_COUNT));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(set),
        cmocka_unit_test(safe),
        cmocka_unit_test(table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
