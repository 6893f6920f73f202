/* Tests of core/jose/jwk. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "core/base/base64url.h"
#include "core/jose/jwk.h"
#include "rfc_vectors.h"

/* RFC 7638 3.1; the first octet of the modulus is d2. */
#define RFC7638_N                                                                        \
    "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxu"       \
    "hDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN"       \
    "5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5"       \
    "hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBni"       \
    "Iqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"

/* A point of P-256 and an Ed25519 key: RFC 7515 A.3, RFC 8037 A.2. */
#define X  "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"
#define Y  "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"
#define ED "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"

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

static enum err read_text(struct arena *a, const char *text, struct key **k,
                          struct err_info *why)
{
    const struct json *jwk = NULL;

    assert_int_equal(json_read(a, span_of(text), &jwk, why), ERR_OK);
    return jwk_read(a, jwk, k, why);
}

/* S-KA-3 */
static void canonical_text_and_thumbprint(void **state)
{
    static const struct {
        const char *jwk;
        const char *canonical;
        const char *thumbprint;
    } rows[] = {
        /* RFC 7638 3.1 */
        {"{\"kty\":\"RSA\",\"n\":\"" RFC7638_N "\",\"e\":\"AQAB\",\"alg\":\"RS256\","
         "\"kid\":\"2011-04-29\"}",
         "{\"e\":\"AQAB\",\"kty\":\"RSA\",\"n\":\"" RFC7638_N "\"}",
         "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"},
        /* RFC 8037 A.3 */
        {"{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"" ED "\"}",
         "{\"crv\":\"Ed25519\",\"kty\":\"OKP\",\"x\":\"" ED "\"}",
         "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"},
        /* computed with Python's hashlib */
        {"{\"y\":\"" Y "\",\"x\":\"" X
         "\",\"KTY\":\"EC\",\"crv\":\"P-256\",\"use\":\"sig\"}",
         "{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"" X "\",\"y\":\"" Y "\"}",
         "oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct key *k = NULL;
        struct key *again = NULL;
        struct err_info why = {0};
        AUTO(buf) struct buf text = buf_make(4096);
        if (read_text(*state, rows[i].jwk, &k, &why) != ERR_OK)
            fail_msg("%s: %s", rows[i].jwk, why.detail);
        jwk_write(&text, k);
        assert_true(span_is(buf_span(&text), rows[i].canonical));
        assert_string_equal(jwk_thumbprint_text(*state, k), rows[i].thumbprint);
        assert_int_equal(read_text(*state, rows[i].canonical, &again, &why), ERR_OK);
        assert_true(key_equal(k, again));
    }
}

/* The signatures of the RFCs verify with the keys beside them. */
static void rfc_signatures(void **state)
{
    for (size_t i = 0; i < sizeof rfc_vectors / sizeof *rfc_vectors; i++) {
        const struct rfc_vector *v = &rfc_vectors[i];
        struct key *k = NULL;
        struct err_info why = {0};
        struct span signature;
        assert_int_equal(read_text(*state, v->jwk, &k, &why), ERR_OK);
        assert_true(base64url_decode(*state, span_of(v->signature), &signature));
        if (key_verify(k, v->how, span_of(v->input), signature, &why) != ERR_OK)
            fail_msg("%s: %s", v->name, why.detail);
        assert_int_equal(key_verify(k, v->how, span_of("other"), signature, &why),
                         ERR_UNAUTHORIZED);
    }
}

/* S-KEY-3, 4 */
static void refuses(void **state)
{
    static const struct {
        const char *jwk;
        enum err code;
        const char *sentence; /* part of it */
    } rows[] = {
        {"[]", ERR_MALFORMED, "object"},
        {"{}", ERR_BAD_PUBLIC_KEY, "key type"},
        {"{\"kty\":5}", ERR_BAD_PUBLIC_KEY, "key type"},
        {"{\"kty\":\"oct\",\"k\":\"AAAA\"}", ERR_BAD_PUBLIC_KEY, "oct"},
        {"{\"kty\":\"ec\",\"crv\":\"P-256\",\"x\":\"" X "\",\"y\":\"" Y "\"}",
         ERR_BAD_PUBLIC_KEY, "key type"},
        {"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" X "\",\"y\":\"" Y
         "\",\"d\":\"AA\"}",
         ERR_BAD_PUBLIC_KEY, "private"},
        {"{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"" ED "\",\"D\":null}",
         ERR_BAD_PUBLIC_KEY, "private"},
        {"{\"kty\":\"RSA\",\"n\":\"" RFC7638_N "\",\"e\":\"AQAB\",\"p\":\"AA\"}",
         ERR_BAD_PUBLIC_KEY, "private"},
        {"{\"kty\":\"RSA\",\"n\":\"" RFC7638_N "\",\"e\":\"AQAB\",\"q\":\"AA\"}",
         ERR_BAD_PUBLIC_KEY, "private"},
        {"{\"kty\":\"RSA\",\"n\":\"" RFC7638_N "\",\"e\":\"AQAB\",\"dp\":\"AA\"}",
         ERR_BAD_PUBLIC_KEY, "private"},
        {"{\"kty\":\"RSA\",\"n\":\"" RFC7638_N "\",\"e\":\"AQAB\",\"dq\":\"AA\"}",
         ERR_BAD_PUBLIC_KEY, "private"},
        {"{\"kty\":\"RSA\",\"n\":\"" RFC7638_N "\",\"e\":\"AQAB\",\"qi\":\"AA\"}",
         ERR_BAD_PUBLIC_KEY, "private"},
        {"{\"kty\":\"RSA\",\"n\":\"" RFC7638_N "\",\"e\":\"AQAB\",\"oth\":\"AA\"}",
         ERR_BAD_PUBLIC_KEY, "private"},
        {"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" X "\",\"y\":\"" Y
         "\",\"k\":\"AA\"}",
         ERR_BAD_PUBLIC_KEY, "private"},
        {"{\"kty\":\"EC\",\"x\":\"" X "\",\"y\":\"" Y "\"}", ERR_BAD_PUBLIC_KEY, "curve"},
        {"{\"kty\":\"EC\",\"crv\":\"secp256k1\",\"x\":\"" X "\",\"y\":\"" Y "\"}",
         ERR_BAD_PUBLIC_KEY, "secp256k1"},
        {"{\"kty\":\"EC\",\"crv\":\"Ed25519\",\"x\":\"" X "\",\"y\":\"" Y "\"}",
         ERR_BAD_PUBLIC_KEY, "curve"},
        {"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" X "\"}", ERR_BAD_PUBLIC_KEY,
         "no \"y\""},
        {"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":5,\"y\":\"" Y "\"}", ERR_BAD_PUBLIC_KEY,
         "base64url"},
        {"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" X "=\",\"y\":\"" Y "\"}",
         ERR_BAD_PUBLIC_KEY, "base64url"},
        {"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" Y "\",\"y\":\"" X "\"}",
         ERR_BAD_PUBLIC_KEY, "point"}, /* off the curve */
        {"{\"kty\":\"EC\",\"crv\":\"P-384\",\"x\":\"" X "\",\"y\":\"" Y "\"}",
         ERR_BAD_PUBLIC_KEY, "48 octets"},
        {"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AA" X "\",\"y\":\"" Y "\"}",
         ERR_BAD_PUBLIC_KEY, ""}, /* longer than the curve's length */
        {"{\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":\"" ED "\"}", ERR_BAD_PUBLIC_KEY,
         "X25519"},
        {"{\"kty\":\"OKP\",\"crv\":\"Ed25519\"}", ERR_BAD_PUBLIC_KEY, "no \"x\""},
        {"{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AAAA\"}", ERR_BAD_PUBLIC_KEY,
         "32 octets"},
        {"{\"kty\":\"RSA\",\"e\":\"AQAB\"}", ERR_BAD_PUBLIC_KEY, "no \"n\""},
        {"{\"kty\":\"RSA\",\"n\":\"" RFC7638_N "\"}", ERR_BAD_PUBLIC_KEY, "no \"e\""},
        {"{\"kty\":\"RSA\",\"n\":\"" X X "\",\"e\":\"AQAB\"}", ERR_BAD_PUBLIC_KEY, ""},
        {"{\"kty\":\"RSA\",\"n\":\"" RFC7638_N "\",\"e\":\"AAEAAQ\"}", ERR_BAD_PUBLIC_KEY,
         "zero octet"},
        {"{\"kty\":\"RSA\",\"n\":\"" RFC7638_N "\",\"e\":\"AQ\"}", ERR_BAD_PUBLIC_KEY,
         "exponent"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct key *k = NULL;
        struct err_info why = {0};
        assert_int_equal(read_text(*state, rows[i].jwk, &k, &why), rows[i].code);
        if (strstr(why.detail, rows[i].sentence) == NULL)
            fail_msg("row %zu: %s", i, why.detail);
        assert_null(k);
    }
}

/* What is written is read again, for every type. */
static void round_trip(void **state)
{
    for (enum key_type type = KEY_P256; type <= KEY_RSA; type++) {
        struct key *k = NULL;
        struct key *again = NULL;
        AUTO(buf) struct buf text = buf_make(4096);
        assert_int_equal(key_generate(type, 2048, &k, NULL), ERR_OK);
        jwk_write(&text, k);
        buf_add_octet(&text, '\0');
        assert_int_equal(read_text(*state, (const char *)text.data, &again, NULL),
                         ERR_OK);
        assert_true(key_equal(k, again));
        assert_false(key_is_private(again));
        key_free(k);
    }
}

/* Certificates' keys of ML-DSA have thumbprints, too, and they differ. */
static void mldsa_has_thumbprints(void **state)
{
    static const char begin[] = "{\"alg\":\"ML-DSA-87\",\"kty\":\"AKP\",\"pub\":\"";
    uint8_t thumbprints[2][JWK_THUMBPRINT_SIZE];
    AUTO(buf) struct buf text = buf_make(4096);

    (void)state;
    if (!key_type_is_there(KEY_MLDSA87))
        skip();
    for (size_t i = 0; i < 2; i++) {
        struct key *k = NULL;
        assert_int_equal(key_generate(KEY_MLDSA87, 0, &k, NULL), ERR_OK);
        jwk_thumbprint(k, thumbprints[i]);
        if (i == 0)
            jwk_write(&text, k);
        key_free(k);
    }
    assert_false(text.failed);
    assert_int_equal(text.len, sizeof begin - 1 + 3456 + 2);
    assert_memory_equal(text.data, begin, sizeof begin - 1);
    assert_memory_not_equal(thumbprints[0], thumbprints[1], JWK_THUMBPRINT_SIZE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(canonical_text_and_thumbprint, setup, teardown),
        cmocka_unit_test_setup_teardown(rfc_signatures, setup, teardown),
        cmocka_unit_test_setup_teardown(refuses, setup, teardown),
        cmocka_unit_test_setup_teardown(round_trip, setup, teardown),
        cmocka_unit_test(mldsa_has_thumbprints),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
