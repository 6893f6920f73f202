/* Tests of core/http/url, with the examples of RFC 3986 5.4. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/http/url.h"

static void reads(void **state)
{
    static const struct {
        const char *text;
        const char *again; /* as url_text writes it; NULL: refused */
    } rows[] = {
        {"https://ca.test/acme/directory", "https://ca.test/acme/directory"},
        {"HTTPS://CA.Test:443", "https://ca.test/"},
        {"http://a:80/?", "http://a/?"},
        {"http://a:8080/x?y#z", "http://a:8080/x?y"},
        {"https://[2001:DB8::1]:8443/", "https://[2001:db8::1]:8443/"},
        {"http://192.0.2.1/%20", "http://192.0.2.1/%20"},
        {"http://a?b", "http://a/?b"},
        {"ftp://a/", NULL},
        {"https:/a/", NULL},
        {"https://", NULL},
        {"https:///x", NULL},
        {"https://u@a/", NULL},
        {"https://u:p@a/", NULL},
        {"https://a:0/", NULL},
        {"https://a:65536/", NULL},
        {"https://a:x/", NULL},
        {"https://a b/", NULL},
        {"https://a..b/", NULL},
        {"https://.a/", NULL},
        {"https://[::1/", NULL},
        {"https://[192.0.2.1]/", NULL},
        {"https://::1/", NULL},
        {"https://a/\n", NULL},
        {"https://a/%g0", NULL},
        {"https://a/ b", NULL},
        {"https://a/\"", NULL},
        {"https://\xc3\xa9/", NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        AUTO(arena) struct arena *a = arena_new();
        struct err_info why = {0};
        struct url u;
        enum err result = url_parse(a, span_of(rows[i].text), &u, &why);
        if ((result == ERR_OK) != (rows[i].again != NULL))
            print_error("%s\n", rows[i].text);
        assert_int_equal(result, rows[i].again != NULL ? ERR_OK : ERR_MALFORMED);
        if (result == ERR_OK)
            assert_string_equal(url_text(a, &u), rows[i].again);
    }
}

static void joins(void **state)
{
    static const struct {
        const char *reference;
        const char *whole; /* NULL: refused */
    } rows[] = {
        {"g", "http://a/b/c/g"},
        {"./g", "http://a/b/c/g"},
        {"g/", "http://a/b/c/g/"},
        {"/g", "http://a/g"},
        {"//g", "http://g/"},
        {"?y", "http://a/b/c/d;p?y"},
        {"g?y", "http://a/b/c/g?y"},
        {"#s", "http://a/b/c/d;p?q"},
        {"g#s", "http://a/b/c/g"},
        {";x", "http://a/b/c/;x"},
        {"", "http://a/b/c/d;p?q"},
        {".", "http://a/b/c/"},
        {"./", "http://a/b/c/"},
        {"..", "http://a/b/"},
        {"../g", "http://a/b/g"},
        {"../..", "http://a/"},
        {"../../g", "http://a/g"},
        {"../../../g", "http://a/g"},
        {"/./g", "http://a/g"},
        {"/../g", "http://a/g"},
        {"g.", "http://a/b/c/g."},
        {"..g", "http://a/b/c/..g"},
        {"./../g", "http://a/b/g"},
        {"g/./h", "http://a/b/c/g/h"},
        {"g/../h", "http://a/b/c/h"},
        {"https://other/x/../y", "https://other/y"},
        {"ftp://other/", NULL},
        {"javascript:alert(1)", NULL},
        {"//u@g", NULL},
        {"/a b", NULL},
    };
    AUTO(arena) struct arena *a = arena_new();
    struct err_info why = {0};
    struct url base;

    (void)state;
    assert_int_equal(url_parse(a, span_of("http://a/b/c/d;p?q"), &base, &why), ERR_OK);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct url u;
        enum err result = url_join(a, &base, span_of(rows[i].reference), &u, &why);
        if ((result == ERR_OK) != (rows[i].whole != NULL))
            print_error("%s\n", rows[i].reference);
        assert_int_equal(result, rows[i].whole != NULL ? ERR_OK : ERR_MALFORMED);
        if (result == ERR_OK)
            assert_string_equal(url_text(a, &u), rows[i].whole);
    }
}

static void origins(void **state)
{
    AUTO(arena) struct arena *a = arena_new();
    struct err_info why = {0};
    struct url one, two, three;

    (void)state;
    assert_int_equal(url_parse(a, span_of("https://a/x"), &one, &why), ERR_OK);
    assert_int_equal(url_parse(a, span_of("https://A:443/y"), &two, &why), ERR_OK);
    assert_int_equal(url_parse(a, span_of("http://a:443/x"), &three, &why), ERR_OK);
    assert_true(url_same_origin(&one, &two));
    assert_false(url_same_origin(&one, &three));
    assert_string_equal(url_authority(a, &one), "a");
    assert_string_equal(url_authority(a, &three), "a:443");
    assert_string_equal(url_target(a, &one), "/x");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads),
        cmocka_unit_test(joins),
        cmocka_unit_test(origins),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
