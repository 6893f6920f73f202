/* Tests of core/tpm/credential: sizes and refusals. That a TPM opens what it makes is
 * shown by tests/flow/test_credential.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/tpm/credential.h"

static const uint8_t name[34] = {0x00, 0x0b};
static const uint8_t secret[32] = {1};

static size_t length_in_front(struct span s)
{
    return s.data != NULL ? (size_t)(s.data[0] << 8 | s.data[1]) : 0;
}

/* For each type: the MAC has as many octets as its hash, a point two lengths. */
static void sizes(void **state)
{
    static const struct {
        enum key_type type;
        int bits;
        size_t hash;
        size_t secret;
    } rows[] = {{KEY_RSA, 2048, 32, 256},
                {KEY_RSA, 3072, 48, 384},
                {KEY_P256, 0, 32, 68},
                {KEY_P384, 0, 48, 100},
                {KEY_P521, 0, 64, 136}};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        AUTO(arena) struct arena *a = arena_new();
        AUTO(key) struct key *ek = NULL;
        struct credential one = {0}, other = {0};
        struct err_info why = {0};
        assert_int_equal(key_generate(rows[i].type, rows[i].bits, &ek, &why), ERR_OK);
        assert_int_equal(credential_make(a, ek, span_make(name, sizeof name),
                                         span_make(secret, sizeof secret), &one, &why),
                         ERR_OK);
        assert_int_equal(one.blob.len, 2 + 2 + rows[i].hash + 2 + sizeof secret);
        assert_int_equal(length_in_front(one.blob), one.blob.len - 2);
        assert_int_equal(length_in_front(span_slice(one.blob, 2, 2)), rows[i].hash);
        assert_int_equal(one.secret.len, 2 + rows[i].secret);
        assert_int_equal(length_in_front(one.secret), rows[i].secret);
        assert_int_equal(credential_make(a, ek, span_make(name, sizeof name),
                                         span_make(secret, sizeof secret), &other, &why),
                         ERR_OK);
        assert_false(span_equal(one.blob, other.blob)); /* another seed each time */
        assert_false(span_equal(one.secret, other.secret));
    }
}

static void refusals(void **state)
{
    AUTO(arena) struct arena *a = arena_new();
    AUTO(key) struct key *ed25519 = NULL;
    AUTO(key) struct key *p256 = NULL;
    struct credential made = {0};
    struct err_info why = {0};
    const uint8_t long_text[CREDENTIAL_NAME_MAX + 1] = {0};

    (void)state;
    assert_int_equal(key_generate(KEY_ED25519, 0, &ed25519, &why), ERR_OK);
    assert_int_equal(key_generate(KEY_P256, 0, &p256, &why), ERR_OK);
    assert_int_equal(credential_check_key(p256, &why), ERR_OK);
    assert_int_equal(credential_check_key(ed25519, &why), ERR_BAD_PUBLIC_KEY);
    const struct span good_name = span_make(name, sizeof name);
    const struct span good_secret = span_make(secret, sizeof secret);
    assert_int_equal(credential_make(a, ed25519, good_name, good_secret, &made, &why),
                     ERR_BAD_PUBLIC_KEY);
    assert_int_equal(
        credential_make(a, p256, span_make(NULL, 0), good_secret, &made, &why),
        ERR_CRYPTO);
    assert_int_equal(credential_make(a, p256, span_make(long_text, sizeof long_text),
                                     good_secret, &made, &why),
                     ERR_CRYPTO);
    assert_int_equal(credential_make(a, p256, good_name, span_make(NULL, 0), &made, &why),
                     ERR_CRYPTO);
    assert_int_equal(credential_make(a, p256, good_name,
                                     span_make(long_text, CREDENTIAL_SECRET_MAX + 1),
                                     &made, &why),
                     ERR_CRYPTO);
    assert_int_equal(made.blob.len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(sizes),
                                       cmocka_unit_test(refusals)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
