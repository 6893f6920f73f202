/* Tests of core/jose/jwk_private. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "core/jose/jwk.h"
#include "core/jose/jwk_private.h"

/* RFC 7517 A.2 */
#define RSA_N                                                                            \
    "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxu"       \
    "hDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN"       \
    "5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5"       \
    "hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBni"       \
    "Iqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"
#define RSA_D                                                                            \
    "X4cTteJY_gn4FYPsXB8rdXix5vwsg1FLN5E3EaG6RJoVH-HLLKD9M7dx5oo7GURknchnrRweUkC7"       \
    "hT5fJLM0WbFAKNLWY2vv7B6NqXSzUvxT0_YSfqijwp3RTzlBaCxWp4doFk5N2o8Gy_nHNKroADIk"       \
    "J46pRUohsXywbReAdYaMwFs9tv8d_cPVY3i07a3t8MN6TNwm0dSawm9v47UiCl3Sk5ZiG7xojPLu"       \
    "4sbg1U2jx4IBTNBznbJSzFHK66jT8bgkuqsk0GjskDJk19Z4qwjwbsnn4j2WBii3RL-Us2lGVkY8"       \
    "fkFzme1z0HbIkfz0Y6mqnOYtqc0X4jfcKoAC8Q"
#define RSA_P                                                                            \
    "83i-7IvMGXoMXCskv73TKr8637FiO7Z27zv8oj6pbWUQyLPQBQxtPVnwD20R-60eTDmD2ujnMt5P"       \
    "oqMrm8RfmNhVWDtjjMmCMjOpSXicFHj7XOuVIYQyqVWlWEh6dN36GVZYk93N8Bc9vY41xy8B9Rzz"       \
    "OGVQzXvNEvn7O0nVbfs"
#define RSA_Q                                                                            \
    "3dfOR9cuYq-0S-mkFLzgItgMEfFzB2q3hWehMuG0oCuqnb3vobLyumqjVZQO1dIrdwgTnCdpYzBc"       \
    "OfW5r370AFXjiWft_NGEiovonizhKpo9VVS78TzFgxkIdrecRezsZ-1kYd_s1qDbxtkDEgfAITAG"       \
    "9LUnADun4vIcb6yelxk"
#define RSA_DP                                                                           \
    "G4sPXkc6Ya9y8oJW9_ILj4xuppu0lzi_H7VTkS8xj5SdX3coE0oimYwxIi2emTAue0UOa5dpgFGy"       \
    "BJ4c8tQ2VF402XRugKDTP8akYhFo5tAA77Qe_NmtuYZc3C3m3I24G2GvR5sSDxUyAN2zq8Lfn9EU"       \
    "ms6rY3Ob8YeiKkTiBj0"
#define RSA_DQ                                                                           \
    "s9lAH9fggBsoFR8Oac2R_E2gw282rT2kGOAhvIllETE1efrA6huUUvMfBcMpn8lqeW6vzznYY5SS"       \
    "QF7pMdC_agI3nG8Ibp1BUb0JUiraRNqUfLhcQb_d9GF4Dh7e74WbRsobRonujTYN1xCaP6TO61jv"       \
    "WrX-L18txXw494Q_cgk"
#define RSA_QI                                                                           \
    "GyM_p6JrXySiz1toFgKbWV-JdI3jQ4ypu9rbMWx3rQJBfmt0FoYzgUIZEVFEcOqwemRN81zoDAaa"       \
    "-Bk0KWNGDjJHZDdDmFhW3AN7lI-puxk_mHZGJ11rxyR8O55XLSe3SPmRfKwZI6yU24ZxvQKFYItd"       \
    "ldUKGzO6Ia6zTKhAVRU"
#define EC_X "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4"
#define EC_Y "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"
#define EC_D "870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAE"

static enum err read_text(struct arena *a, const char *text, struct key **k,
                          struct err_info *why)
{
    const struct json *jwk = NULL;

    assert_int_equal(json_read(a, span_of(text), &jwk, why), ERR_OK);
    return jwk_private_read(a, jwk, k, why);
}

#define RSA(qi)                                                                          \
    "{\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":\"" RSA_N "\",\"d\":\"" RSA_D                 \
    "\",\"p\":\"" RSA_P "\",\"q\":\"" RSA_Q "\",\"dp\":\"" RSA_DP "\",\"dq\":\"" RSA_DQ  \
    "\"" qi "}"
#define EC(curve, x, d)                                                                  \
    "{\"kty\":\"EC\",\"crv\":\"" curve "\",\"x\":\"" x "\",\"y\":\"" EC_Y                \
    "\",\"d\":\"" d "\"}"
#define QI ",\"qi\":\"" RSA_QI "\""

/* What was read has the public half that the JWK has, and signs for it. */
static void published_keys(void **state)
{
    static const char *const rows[] = {RSA(QI), EC("P-256", EC_X, EC_D)};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        AUTO(arena) struct arena *a = arena_new();
        AUTO(key) struct key *k = NULL;
        const struct json *jwk = NULL;
        const struct json *shown = NULL;
        AUTO(buf) struct buf b = buf_make(8192);
        struct err_info why = {0};
        assert_int_equal(read_text(a, rows[i], &k, &why), ERR_OK);
        assert_true(key_is_private(k));
        assert_int_equal(json_read(a, span_of(rows[i]), &jwk, &why), ERR_OK);
        jwk_write(&b, k);
        assert_int_equal(json_read(a, buf_span(&b), &shown, &why), ERR_OK);
        const char *number = key_type(k) == KEY_RSA ? "n" : "x";
        assert_string_equal(json_text(json_member(jwk, number)),
                            json_text(json_member(shown, number)));
        AUTO(buf) struct buf written = buf_make(8192);
        assert_int_equal(jwk_private_write(&written, k, &why), ERR_OK);
        assert_int_equal(json_read(a, buf_span(&written), &shown, &why), ERR_OK);
        for (size_t m = 0; m < json_count(jwk); m++) {
            const char *name = NULL;
            const struct json *value = json_member_at(jwk, m, &name);
            assert_string_equal(json_text(json_member(shown, name)), json_text(value));
        }
        assert_int_equal(json_count(shown), json_count(jwk));
    }
}

static void refused(void **state)
{
    static const struct {
        const char *jwk;
        enum err code;
        const char *sentence;
    } rows[] = {
        {"[]", ERR_MALFORMED, "no JSON object"},
        {"{\"kty\":\"oct\",\"k\":\"AA\"}", ERR_CRYPTO, "neither RSA nor EC"},
        {EC("secp256k1", EC_X, EC_D), ERR_CRYPTO, "curve"},
        {EC("P-384", EC_X, EC_D), ERR_CRYPTO, "length of P-384"},
        {EC("P-256", EC_X, "AQ"), ERR_CRYPTO, "length of P-256"},
        {EC("P-256", EC_X, "!"), ERR_CRYPTO, "not base64url"},
        {EC("P-256", EC_X, EC_X), ERR_CRYPTO, "half of the key differ"},
        {EC("P-256", EC_D, EC_D), ERR_CRYPTO, ""}, /* not on the curve */
        {RSA(""), ERR_CRYPTO, "no \"qi\""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        AUTO(arena) struct arena *a = arena_new();
        AUTO(key) struct key *k = NULL;
        struct err_info why = {0};
        assert_int_equal(read_text(a, rows[i].jwk, &k, &why), rows[i].code);
        if (strstr(why.detail, rows[i].sentence) == NULL)
            fail_msg("row %zu: %s", i, why.detail);
        assert_null(k);
    }
}

/* Another modulus than that of the primes. */
static void numbers_of_two_keys(void **state)
{
    AUTO(arena) struct arena *a = arena_new();
    AUTO(key) struct key *k = NULL;
    struct err_info why = {0};
    char *text = arena_string(a, RSA(QI));

    (void)state;
    char *modulus = strstr(text, RSA_N);
    modulus[100] = modulus[100] == 'A' ? 'B' : 'A';
    assert_int_equal(read_text(a, text, &k, &why), ERR_CRYPTO);
}

static void not_written(void **state)
{
    AUTO(key) struct key *k = NULL;
    AUTO(buf) struct buf b = buf_make(8192);
    struct err_info why = {0};

    (void)state;
    assert_int_equal(key_generate(KEY_ED25519, 0, &k, &why), ERR_OK);
    assert_int_equal(jwk_private_write(&b, k, &why), ERR_CRYPTO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_keys),
        cmocka_unit_test(refused),
        cmocka_unit_test(not_written),
        cmocka_unit_test(numbers_of_two_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
