/* Tests of core/base/base64url, with the vectors of RFC 4648 10. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "core/base/base64url.h"
#include "core/base/err.h"

static void vectors(void **state)
{
    static const struct {
        const char *octets;
        const char *text;
    } rows[] = {{"", ""},
                {"f", "Zg"},
                {"fo", "Zm8"},
                {"foo", "Zm9v"},
                {"foob", "Zm9vYg"},
                {"fooba", "Zm9vYmE"},
                {"foobar", "Zm9vYmFy"},
                {"\xfb\xff\xbf", "-_-_"}};
    AUTO(arena) struct arena *a = arena_new();

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        AUTO(buf) struct buf b = buf_make(100);
        struct span octets = {0};
        base64url_add(&b, span_of(rows[i].octets));
        assert_true(span_is(buf_span(&b), rows[i].text));
        assert_string_equal(base64url_string(a, span_of(rows[i].octets)), rows[i].text);
        assert_true(base64url_decode(a, span_of(rows[i].text), &octets));
        assert_true(span_is(octets, rows[i].octets));
        assert_true(base64url_decode_padded(a, span_of(rows[i].text), &octets));
        assert_true(span_is(octets, rows[i].octets));
    }
}

/* S-B64-3 */
static void refused(void **state)
{
    /* padding, the other alphabet, white space, a length that cannot be, bits left over
     */
    static const char *const bad[] = {
        "Zg==",  "Zm8=", "+/+/", "Zm 9v", "Zm9v\n",          "Z",
        "Zm9vY", "Zh",   "Zm9",  "Zm9v!", "\xc3\xa4\xc3\xa4"};
    AUTO(arena) struct arena *a = arena_new();
    struct span octets = {.len = 7};

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (base64url_decode(a, span_of(bad[i]), &octets))
            fail_msg("%s", bad[i]);
    assert_false(base64url_decode(a, span_make("Zm\0v", 4), &octets));
    assert_int_equal(octets.len, 7);
    static const char *const bad_padding[] = {"Z===", "Zg==Zg==", "Zm=v", "=Zm9"};
    for (size_t i = 0; i < sizeof bad_padding / sizeof bad_padding[0]; i++)
        if (base64url_decode_padded(a, span_of(bad_padding[i]), &octets))
            fail_msg("%s", bad_padding[i]);
    assert_true(base64url_decode_padded(a, span_of("Zg=="), &octets));
    assert_true(span_is(octets, "f"));
    assert_true(base64url_decode_padded(a, span_of("Zm8="), &octets));
    assert_true(span_is(octets, "fo"));
}

static void there_and_back(void **state)
{
    AUTO(arena) struct arena *a = arena_new();
    uint8_t octets[300];

    (void)state;
    for (size_t i = 0; i < sizeof octets; i++)
        octets[i] = (uint8_t)(i * 89 + i / 7);
    for (size_t len = 0; len <= sizeof octets; len++) {
        struct span back = {0};
        char *text = base64url_string(a, span_make(octets, len));
        assert_int_equal(strlen(text), (len * 4 + 2) / 3);
        assert_true(base64url_decode(a, span_of(text), &back));
        assert_true(span_equal(back, span_make(octets, len)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors),
        cmocka_unit_test(refused),
        cmocka_unit_test(there_and_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
