/* Tests of core/dns/tsig_key: what name servers write, and what they do not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "core/dns/tsig_key.h"

static void good(void **state)
{
    static const struct {
        const char *text;
        const char *name;
        const char *algorithm;
        const char *secret;
    } rows[] = {
        {"hmac-sha256:updater:c2VjcmV0", "updater", "hmac-sha256", "secret"},
        {"hmac-sha1:a.b:YQ==\n", "a.b", "hmac-sha1", "a"},
        {"hmac-sha224:a:YWI=", "a", "hmac-sha224", "ab"},
        {"hmac-sha384:a:YWI=", "a", "hmac-sha384", "ab"},
        {"HMAC-SHA512.:Updater.Example.:c2VjcmV0\r\n", "updater.example", "hmac-sha512",
         "secret"},
        {"updater:c2VjcmV0", "updater", "hmac-sha256", "secret"},
        {"  updater:+/8=  ", "updater", "hmac-sha256", "\xfb\xff"},
        {"key \"updater\" {\n\talgorithm hmac-sha512;\n\tsecret \"c2VjcmV0\";\n};\n",
         "updater", "hmac-sha512", "secret"},
        {"key updater{secret c2VjcmV0;algorithm hmac-sha1;};", "updater", "hmac-sha1",
         "secret"},
        {"# made by hand\nkey /* here */ \"u.test.\" { // so\n algorithm \"hmac-sha384\";"
         " secret \"c2VjcmV0\"; }; # end",
         "u.test", "hmac-sha384", "secret"},
    };
    (void)state;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        AUTO(tsig_key) struct tsig_key key = {0};
        struct err_info why = {0};
        assert_int_equal(tsig_key_read(span_of(rows[i].text), &key, &why), ERR_OK);
        assert_string_equal(key.name, rows[i].name);
        assert_string_equal(tsig_key_algorithm(&key), rows[i].algorithm);
        assert_true(span_is(span_make(key.secret.data, key.secret.len), rows[i].secret));
    }
}

static void bad(void **state)
{
    static const char *const rows[] = {
        "",
        "\n",
        "updater",
        "hmac-sha256:updater:",
        "hmac-sha256::c2VjcmV0",
        ":updater:c2VjcmV0",
        "hmac-md5:updater:c2VjcmV0",
        "hmac-sha256:updater:c2VjcmV0:x",
        "hmac-sha256:updater:c2VjcmV",
        "hmac-sha256:updater:c2Vj!mV0",
        "hmac-sha256:updater:c2Vjc-_0",
        "hmac-sha256:up dater:c2VjcmV0",
        "hmac-sha256:a..b:c2VjcmV0",
        "hmac-sha256:updater:c2VjcmV0\nhmac-sha256:other:c2VjcmV0",
        "key",
        "key \"updater\"",
        "key \"updater\" {",
        "key \"updater\" { };",
        "key \"updater\" { algorithm hmac-sha256; };",
        "key \"updater\" { secret \"c2VjcmV0\"; };",
        "key \"updater\" { algorithm hmac-sha256; secret \"c2VjcmV0\"; }",
        "key \"updater\" { algorithm hmac-sha256; secret \"c2VjcmV0\" };",
        "key \"updater\" { algorithm hmac-sha256; secret \"c2VjcmV0; };",
        "key \"updater\" { algorithm hmac-sha256; secret \"c2VjcmV0\"; other x; };",
        "key \"updater\" { algorithm hmac-sha256; secret \"c2VjcmV0\"; secret \"YQ==\"; "
        "};",
        "key \"updater\" { algorithm hmac-sha256; algorithm hmac-sha1; secret \"YQ==\"; "
        "};",
        "key \"updater\" { algorithm hmac-sha256; secret \"c2VjcmV0\"; }; more",
        "key \"updater\" { algorithm hmac-sha256; secret \"c2VjcmV0\"; }; key b { };",
        "key \"updater\" /* { algorithm hmac-sha256; secret \"c2VjcmV0\"; };",
    };
    (void)state;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct tsig_key key = {0};
        struct err_info why = {0};
        assert_int_equal(tsig_key_read(span_of(rows[i]), &key, &why), ERR_CONFIG);
        assert_null(key.secret.data);
        assert_null(strstr(why.detail, "c2Vj")); /* no part of the secret */
    }
}

static void secrets_have_a_largest_size(void **state)
{
    char text[1000] = "hmac-sha256:updater:";
    size_t start = strlen(text);
    AUTO(tsig_key) struct tsig_key key = {0};
    struct err_info why = {0};
    (void)state;

    memset(text + start, 'A', 684); /* 513 octets */
    assert_int_equal(tsig_key_read(span_of(text), &key, &why), ERR_CONFIG);
    memcpy(text + start + 680, "AAA=", 5); /* 512 */
    assert_int_equal(tsig_key_read(span_of(text), &key, &why), ERR_OK);
    assert_int_equal(key.secret.len, TSIG_KEY_SECRET_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good),
        cmocka_unit_test(bad),
        cmocka_unit_test(secrets_have_a_largest_size),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
