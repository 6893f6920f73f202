/* Tests of core/jose/jws_mac. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "core/base/base64url.h"
#include "core/jose/jws_mac.h"

static int setup(void **state)
{
    *state = arena_new();
    return 0;
}

static int teardown(void **state)
{
    arena_free(*state);
    return 0;
}

static enum err read_text(struct arena *a, struct span text, struct jws_mac **jws,
                          struct err_info *why)
{
    const struct json *value = NULL;

    assert_int_equal(json_read(a, text, &value, why), ERR_OK);
    return jws_mac_read(a, value, jws, why);
}

static void round_trip(void **state)
{
    struct span key = span_of("0123456789abcdef0123456789abcdef");
    AUTO(buf) struct buf b = buf_make(1000);
    struct jws_mac *jws = NULL;
    struct err_info why = {0};

    assert_int_equal(jws_mac_sign(&b, HASH_SHA256, key, "kid-1", "https://x/",
                                  span_of("{\"kty\":\"EC\"}"), &why),
                     ERR_OK);
    assert_int_equal(read_text(*state, buf_span(&b), &jws, &why), ERR_OK);
    assert_string_equal(jws->kid, "kid-1");
    assert_string_equal(jws->url, "https://x/");
    assert_true(span_is(jws->payload, "{\"kty\":\"EC\"}"));
    assert_int_equal(jws_mac_verify(jws, key, &why), ERR_OK);
    assert_int_equal(jws_mac_verify(jws, span_slice(key, 0, 31), &why), ERR_UNAUTHORIZED);
    struct jws_mac changed = *jws;
    changed.mac = span_slice(jws->mac, 0, 31);
    assert_int_equal(jws_mac_verify(&changed, key, &why), ERR_UNAUTHORIZED);
    changed = *jws;
    changed.signing_input = span_slice(jws->signing_input, 1, jws->signing_input.len);
    assert_int_equal(jws_mac_verify(&changed, key, &why), ERR_UNAUTHORIZED);
}

/* RFC 7515 A.1: the MAC over a signing input that is given. */
static void known_answer(void **state)
{
    struct jws_mac jws = {0};
    struct span key;

    assert_true(base64url_decode(*state,
                                 span_of("AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-"
                                         "1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"),
                                 &key));
    jws.signing_input = span_of(
        "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4"
        "MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ");
    assert_true(base64url_decode(
        *state, span_of("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"), &jws.mac));
    assert_int_equal(jws_mac_verify(&jws, key, NULL), ERR_OK);
}

static void refuses(void **state)
{
    static const struct {
        const char *header;
        enum err code;
        const char *sentence; /* part of it */
    } rows[] = {
        {"{\"alg\":\"HS256\",\"kid\":\"k\",\"url\":\"u\"}", ERR_OK, ""},
        {"{\"alg\":\"HS384\",\"kid\":\"k\",\"url\":\"u\"}", ERR_OK, ""},
        {"{\"alg\":\"HS512\",\"kid\":\"k\",\"url\":\"u\"}", ERR_OK, ""},
        {"{\"alg\":\"HS1\",\"kid\":\"k\",\"url\":\"u\"}", ERR_BAD_SIGNATURE_ALGORITHM,
         "HS1"},
        {"{\"alg\":\"ES256\",\"kid\":\"k\",\"url\":\"u\"}", ERR_BAD_SIGNATURE_ALGORITHM,
         "ES256"},
        {"{\"alg\":\"none\",\"kid\":\"k\",\"url\":\"u\"}", ERR_BAD_SIGNATURE_ALGORITHM,
         "none"},
        {"{\"kid\":\"k\",\"url\":\"u\"}", ERR_MALFORMED, "alg"},
        {"{\"alg\":\"HS256\",\"url\":\"u\"}", ERR_MALFORMED, "kid"},
        {"{\"alg\":\"HS256\",\"kid\":\"k\"}", ERR_MALFORMED, "url"},
        {"{\"alg\":\"HS256\",\"kid\":\"k\",\"url\":\"u\",\"nonce\":\"AAAA\"}",
         ERR_MALFORMED, "nonce"},
        {"{\"alg\":\"HS256\",\"kid\":\"k\",\"url\":\"u\",\"jwk\":{}}", ERR_MALFORMED,
         "jwk"},
        {"{\"alg\":\"HS256\",\"kid\":\"k\",\"url\":\"u\",\"crit\":[]}", ERR_MALFORMED,
         "crit"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct jws_mac *jws = NULL;
        struct err_info why = {0};
        const char *text = arena_printf(
            *state, "{\"protected\":\"%s\",\"payload\":\"e30\",\"signature\":\"AAAA\"}",
            base64url_string(*state, span_of(rows[i].header)));
        enum err code = read_text(*state, span_of(text), &jws, &why);
        if (code != rows[i].code || strstr(why.detail, rows[i].sentence) == NULL)
            fail_msg("%s: %s: %s", rows[i].header, err_name(code), why.detail);
    }
    const struct json *list = NULL;
    struct jws_mac *jws = NULL;
    assert_int_equal(json_read(*state, span_of("[1]"), &list, NULL), ERR_OK);
    assert_int_equal(jws_mac_read(*state, list, &jws, NULL), ERR_MALFORMED);
    assert_int_equal(jws_mac_read(*state, NULL, &jws, NULL), ERR_MALFORMED);
}

static void short_keys_do_not_sign(void **state)
{
    AUTO(buf) struct buf b = buf_make(1000);

    (void)state;
    assert_int_equal(jws_mac_sign(&b, HASH_SHA256, span_of("0123456789abcde"), "k", "u",
                                  span_of("{}"), NULL),
                     ERR_CRYPTO);
    assert_int_equal(b.len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(round_trip, setup, teardown),
        cmocka_unit_test_setup_teardown(known_answer, setup, teardown),
        cmocka_unit_test_setup_teardown(refuses, setup, teardown),
        cmocka_unit_test_setup_teardown(short_keys_do_not_sign, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
