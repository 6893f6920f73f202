/* Tests of core/pkcs11/pkcs11_uri. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "core/pkcs11/pkcs11_uri.h"

/* The forms of RFC 7512 3 that name a private key, and ours. */
static void good_ones_are_read(void **state)
{
    static const struct {
        const char *text;
        const char *again; /* NULL: the same */
    } rows[] = {
        {"pkcs11:token=The%20Software%20PKCS%2311%20Softtoken;"
         "manufacturer=Snake%20Oil,%20Inc.;object=my-sign-key;type=private;id=%69%95%3E",
         "pkcs11:token=The%20Software%20PKCS%2311%20Softtoken;"
         "manufacturer=Snake%20Oil,%20Inc.;object=my-sign-key;id=%69%95%3E"},
        {"pkcs11:token=a;object=b", NULL},
        {"PKCS11:token=a;object=b", "pkcs11:token=a;object=b"},
        {"pkcs11:object=b;token=a", "pkcs11:token=a;object=b"},
        {"pkcs11:token=a;id=ab%00%ff", "pkcs11:token=a;id=%61%62%00%FF"},
        {"pkcs11:serial=0123;model=v2;object=k", NULL},
        {"pkcs11:slot-id=327;object=k", NULL},
        {"pkcs11:token=a&b;object=@key(1)!", NULL},
        {"pkcs11:token=%c3%a9;object=k", "pkcs11:token=%C3%A9;object=k"},
        {"pkcs11:token=a;object=b?pin-source=file:/etc/pin&module-path=/lib/x.so",
         "pkcs11:token=a;object=b?module-path=/lib/x.so&pin-source=file:/etc/pin"},
        {"pkcs11:token=a;object=b?pin-source=FILE:///etc/pin",
         "pkcs11:token=a;object=b?pin-source=file:/etc/pin"},
    };
    AUTO(arena) struct arena *a = arena_new();

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct err_info why = {0};
        struct pkcs11_uri uri;
        assert_true(pkcs11_uri_is(rows[i].text));
        if (pkcs11_uri_read(a, span_of(rows[i].text), &uri, &why) != ERR_OK)
            fail_msg("%s: %s", rows[i].text, why.detail);
        assert_string_equal(pkcs11_uri_text(a, &uri),
                            rows[i].again != NULL ? rows[i].again : rows[i].text);
    }
}

static void every_attribute_has_its_place(void **state)
{
    AUTO(arena) struct arena *a = arena_new();
    struct pkcs11_uri uri;

    (void)state;
    assert_int_equal(
        pkcs11_uri_read(a,
                        span_of("pkcs11:token=T;manufacturer=M;serial=S;model=O;slot-id="
                                "7;object=K;id=%01%02?module-path=/m.so&pin-source=file:"
                                "/p"),
                        &uri, NULL),
        ERR_OK);
    assert_string_equal(uri.token, "T");
    assert_string_equal(uri.manufacturer, "M");
    assert_string_equal(uri.serial, "S");
    assert_string_equal(uri.model, "O");
    assert_true(uri.has_slot);
    assert_int_equal(uri.slot, 7);
    assert_string_equal(uri.object, "K");
    assert_int_equal(uri.id.len, 2);
    assert_memory_equal(uri.id.data, "\x01\x02", 2);
    assert_string_equal(uri.module_path, "/m.so");
    assert_string_equal(uri.pin_file, "/p");
}

static void bad_ones_are_refused(void **state)
{
    static const struct {
        const char *text;
        const char *reason;
    } rows[] = {
        {"", "does not begin with pkcs11:"},
        {"pkcs12:token=a;object=b", "does not begin with pkcs11:"},
        {"pkcs11:", "NAME=VALUE"},
        {"pkcs11:token", "NAME=VALUE"},
        {"pkcs11:token=a;;object=b", "NAME=VALUE"},
        {"pkcs11:token=a;object=b;", "NAME=VALUE"},
        {"pkcs11:token=a;object=b?", "NAME=VALUE"},
        {"pkcs11:token=;object=b", "token must have 1 to 32 octets"},
        {"pkcs11:token=a;object=b;token=c", "token is there twice"},
        {"pkcs11:token=a;object=b;id=%1", "hexadecimal"},
        {"pkcs11:token=a;object=b;id=%zz", "hexadecimal"},
        {"pkcs11:token=a b;object=b", "must be written %XX"},
        {"pkcs11:token=a#b;object=b", "must be written %XX"},
        {"pkcs11:token=a;object=b/c", "must be written %XX"},
        {"pkcs11:token=a%00;object=b", "token is no text"},
        {"pkcs11:token=a%0a;object=b", "token is no text"},
        {"pkcs11:token=%ff;object=b", "token is no text"},
        {"pkcs11:token=0123456789012345678901234567890123;object=b",
         "token must have 1 to 32"},
        {"pkcs11:object=b", "names no token"},
        {"pkcs11:model=b;object=b", "names no token"},
        {"pkcs11:token=a", "names no key"},
        {"pkcs11:token=a;object=b;type=cert", "type must be private"},
        {"pkcs11:slot-id=x;object=b", "slot-id must be a number"},
        {"pkcs11:Token=a;object=b", "\"Token\" is not supported"},
        {"pkcs11:token=a;object=b;x-vendor=c", "\"x-vendor\" is not supported"},
        {"pkcs11:token=a;object=b;pin-source=file:/x", "not supported"},
        {"pkcs11:token=a;object=b?token=a", "not supported"},
        {"pkcs11:token=a;object=b?module-name=softhsm", "not supported"},
        {"pkcs11:token=a;object=b?module-path=x.so", "absolute path"},
        {"pkcs11:token=a;object=b?pin-source=/etc/pin", "file:/PATH"},
        {"pkcs11:token=a;object=b?pin-source=%7c/bin/pin", "file:/PATH"},
        {"pkcs11:token=a;object=b?pin-source=file://host/pin", "file:/PATH"},
        {"pkcs11:token=a;object=b?pin-source=file:pin", "file:/PATH"},
    };
    AUTO(arena) struct arena *a = arena_new();

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct err_info why = {0};
        struct pkcs11_uri uri;
        if (pkcs11_uri_read(a, span_of(rows[i].text), &uri, &why) != ERR_CONFIG)
            fail_msg("%s was read", rows[i].text);
        if (strstr(why.detail, rows[i].reason) == NULL)
            fail_msg("%s: %s", rows[i].text, why.detail);
    }
}

/* The sentence is logged. */
static void a_pin_is_refused_and_not_repeated(void **state)
{
    static const char *const texts[] = {
        "pkcs11:token=a;object=b?pin-value=31415",
        "pkcs11:token=a;object=b;pin-value=31415",
        "pkcs11:token=a;object=b?pin-value=%31415&pin-value=31415",
        "pkcs11:token=a;object=b?31415",
        "pkcs11:token=a;object=b?=31415",
        "pkcs11:token=a;object=b?pin-source=31415",
    };
    AUTO(arena) struct arena *a = arena_new();

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct err_info why = {0};
        struct pkcs11_uri uri;
        assert_int_equal(pkcs11_uri_read(a, span_of(texts[i]), &uri, &why), ERR_CONFIG);
        assert_null(strstr(why.detail, "31415"));
        assert_null(strstr(why.detail, "1415"));
    }
}

static void a_long_one_is_refused(void **state)
{
    static char text[PKCS11_URI_MAX + 2];
    AUTO(arena) struct arena *a = arena_new();
    struct err_info why = {0};
    struct pkcs11_uri uri;

    (void)state;
    memset(text, 'a', sizeof text - 1);
    memcpy(text, "pkcs11:", 7);
    assert_int_equal(pkcs11_uri_read(a, span_of(text), &uri, &why), ERR_CONFIG);
    assert_non_null(strstr(why.detail, "longer than"));
}

static void files_are_no_uris(void **state)
{
    (void)state;
    assert_false(pkcs11_uri_is(""));
    assert_false(pkcs11_uri_is("pkcs11"));
    assert_false(pkcs11_uri_is("intermediate.key"));
    assert_false(pkcs11_uri_is("./pkcs11:token=a"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_ones_are_read),
        cmocka_unit_test(every_attribute_has_its_place),
        cmocka_unit_test(bad_ones_are_refused),
        cmocka_unit_test(a_pin_is_refused_and_not_repeated),
        cmocka_unit_test(a_long_one_is_refused),
        cmocka_unit_test(files_are_no_uris),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
