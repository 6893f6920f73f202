/* Tests of core/jose/jws and jws_parts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "core/base/base64url.h"
#include "core/jose/jwk.h"
#include "core/jose/jws.h"

#define EC_MEMBERS                                                                       \
    "\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":"                                            \
    "\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","                                   \
    "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\""
#define EC_JWK "{" EC_MEMBERS "}"
#define ED_JWK                                                                           \
    "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_"                        \
    "7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}"

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

/* {"protected":base64url(header),"payload":"e30","signature":"AAAA"} */
static const char *with_header(struct arena *a, const char *header)
{
    return arena_printf(
        a, "{\"protected\":\"%s\",\"payload\":\"e30\",\"signature\":\"AAAA\"}",
        base64url_string(a, span_of(header)));
}

static void reads(void **state)
{
    static const struct {
        const char *header;
        enum key_signature algorithm;
        const char *url;
        const char *nonce;
        const char *kid;
    } rows[] = {
        {"{\"alg\":\"ES256\",\"kid\":\"k\",\"nonce\":\"abcd\",\"url\":\"https://x/\"}",
         KEY_SIGNATURE_ES256, "https://x/", "abcd", "k"},
        {"{\"alg\":\"EdDSA\",\"kid\":\"k\"}", KEY_SIGNATURE_EDDSA, NULL, NULL, "k"},
        {"{\"alg\":\"ES384\",\"kid\":\"k\",\"unknown\":[1]}", KEY_SIGNATURE_ES384, NULL,
         NULL, "k"},
        {"{\"alg\":\"ES512\",\"kid\":\"k\"}", KEY_SIGNATURE_ES512, NULL, NULL, "k"},
        {"{\"alg\":\"RS256\",\"kid\":\"k\"}", KEY_SIGNATURE_RS256, NULL, NULL, "k"},
        {"{\"alg\":\"RS384\",\"kid\":\"k\"}", KEY_SIGNATURE_RS384, NULL, NULL, "k"},
        {"{\"alg\":\"RS512\",\"kid\":\"k\"}", KEY_SIGNATURE_RS512, NULL, NULL, "k"},
        {"{\"alg\":\"PS256\",\"kid\":\"k\"}", KEY_SIGNATURE_PS256, NULL, NULL, "k"},
        {"{\"alg\":\"PS384\",\"kid\":\"k\"}", KEY_SIGNATURE_PS384, NULL, NULL, "k"},
        {"{\"alg\":\"PS512\",\"kid\":\"k\"}", KEY_SIGNATURE_PS512, NULL, NULL, "k"},
        {"{\"Alg\":\"ES256\",\"KID\":\"k\"}", KEY_SIGNATURE_ES256, NULL, NULL, "k"},
        {"{\"alg\":\"ES256\",\"jwk\":" EC_JWK "}", KEY_SIGNATURE_ES256, NULL, NULL, NULL},
        {"{\"alg\":\"EdDSA\",\"jwk\":" ED_JWK "}", KEY_SIGNATURE_EDDSA, NULL, NULL, NULL},
        {"{\"alg\":\"Ed25519\",\"jwk\":" ED_JWK "}", KEY_SIGNATURE_EDDSA, NULL, NULL,
         NULL},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct jws *jws = NULL;
        struct err_info why = {0};
        if (jws_read(*state, span_of(with_header(*state, rows[i].header)), &jws, &why) !=
            ERR_OK)
            fail_msg("%s: %s", rows[i].header, why.detail);
        assert_int_equal(jws->algorithm, rows[i].algorithm);
        assert_true(span_equal(span_of(jws->url), span_of(rows[i].url)));
        assert_true(span_equal(span_of(jws->nonce), span_of(rows[i].nonce)));
        assert_true(span_equal(span_of(jws->kid), span_of(rows[i].kid)));
        assert_int_equal(jws->url == NULL, rows[i].url == NULL);
        assert_int_equal(jws->nonce == NULL, rows[i].nonce == NULL);
        assert_int_equal(jws->kid == NULL, rows[i].kid == NULL);
        assert_int_equal(jws->jwk == NULL, rows[i].kid != NULL);
        assert_int_equal(jws->jwk_text == NULL, rows[i].kid != NULL);
        assert_true(span_is(jws->payload, "{}"));
        assert_true(span_equal(jws->signature, span_make("\0\0\0", 3)));
        assert_true(
            span_is(jws->signing_input,
                    arena_printf(*state, "%s.e30",
                                 base64url_string(*state, span_of(rows[i].header)))));
    }
}

/* S-JWS-4, 7, 8, 9, 10, S-ALG-6 */
static void refuses_headers(void **state)
{
    static const struct {
        const char *header;
        enum err code;
        const char *sentence; /* part of it */
    } rows[] = {
        {"", ERR_MALFORMED, "header is empty"},
        {"[]", ERR_MALFORMED, "not an object"},
        {"{", ERR_MALFORMED, "protected header"},
        {"{\"alg\":\"ES256\",\"alg\":\"ES256\",\"kid\":\"k\"}", ERR_MALFORMED,
         "duplicate"},
        {"{\"alg\":\"ES256\",\"ALG\":\"ES256\",\"kid\":\"k\"}", ERR_MALFORMED, "twice"},
        {"{\"kid\":\"k\"}", ERR_MALFORMED, "alg is missing"},
        {"{\"alg\":7,\"kid\":\"k\"}", ERR_MALFORMED, "alg must be"},
        {"{\"alg\":\"none\",\"kid\":\"k\"}", ERR_BAD_SIGNATURE_ALGORITHM, "ES256, ES384"},
        {"{\"alg\":\"HS256\",\"kid\":\"k\"}", ERR_BAD_SIGNATURE_ALGORITHM, "HS256"},
        {"{\"alg\":\"HS512\",\"kid\":\"k\"}", ERR_BAD_SIGNATURE_ALGORITHM, "HS512"},
        {"{\"alg\":\"PS1\",\"kid\":\"k\"}", ERR_BAD_SIGNATURE_ALGORITHM, "PS1"},
        {"{\"alg\":\"ES256K\",\"kid\":\"k\"}", ERR_BAD_SIGNATURE_ALGORITHM, "ES256K"},
        {"{\"alg\":\"es256\",\"kid\":\"k\"}", ERR_BAD_SIGNATURE_ALGORITHM, "es256"},
        {"{\"alg\":\"\",\"kid\":\"k\"}", ERR_BAD_SIGNATURE_ALGORITHM, ""},
        {"{\"alg\":\"RS256\",\"jwk\":" EC_JWK "}", ERR_BAD_SIGNATURE_ALGORITHM,
         "does not fit the jwk"},
        {"{\"alg\":\"ES384\",\"jwk\":" EC_JWK "}", ERR_BAD_SIGNATURE_ALGORITHM,
         "does not fit the jwk"},
        {"{\"alg\":\"ES256\",\"jwk\":" ED_JWK "}", ERR_BAD_SIGNATURE_ALGORITHM,
         "does not fit the jwk"},
        {"{\"alg\":\"ES256\",\"jwk\":{\"alg\":\"ES384\"," EC_MEMBERS "}}",
         ERR_BAD_SIGNATURE_ALGORITHM, "alg of the jwk"},
        {"{\"alg\":\"ES256\",\"jwk\":{\"alg\":\"X\"," EC_MEMBERS "}}",
         ERR_BAD_SIGNATURE_ALGORITHM, "alg of the jwk"},
        {"{\"alg\":\"ES256\",\"jwk\":{\"alg\":1," EC_MEMBERS "}}", ERR_MALFORMED, "alg"},
        {"{\"alg\":\"ES256\"}", ERR_MALFORMED,
         "exactly one of jwk and kid, and has none"},
        {"{\"alg\":\"ES256\",\"kid\":\"k\",\"jwk\":" EC_JWK "}", ERR_MALFORMED,
         "exactly one of jwk and kid, and has both"},
        {"{\"alg\":\"ES256\",\"kid\":\"\"}", ERR_MALFORMED, "kid is empty"},
        {"{\"alg\":\"ES256\",\"kid\":5}", ERR_MALFORMED, "kid must be"},
        {"{\"alg\":\"ES256\",\"jwk\":\"text\"}", ERR_MALFORMED, "jwk must be"},
        {"{\"alg\":\"ES256\",\"jwk\":null}", ERR_MALFORMED, "jwk must be"},
        {"{\"alg\":\"ES256\",\"jwk\":{\"kty\":\"EC\"}}", ERR_BAD_PUBLIC_KEY, "curve"},
        {"{\"alg\":\"ES256\",\"kid\":\"k\",\"crit\":[]}", ERR_MALFORMED, "crit"},
        {"{\"alg\":\"ES256\",\"kid\":\"k\",\"Crit\":[\"exp\"]}", ERR_MALFORMED, "crit"},
        {"{\"alg\":\"ES256\",\"kid\":\"k\",\"b64\":true}", ERR_MALFORMED, "b64"},
        {"{\"alg\":\"ES256\",\"kid\":\"k\",\"nonce\":\"\"}", ERR_MALFORMED, "nonce"},
        {"{\"alg\":\"ES256\",\"kid\":\"k\",\"nonce\":\"a+/=\"}", ERR_MALFORMED, "nonce"},
        {"{\"alg\":\"ES256\",\"kid\":\"k\",\"nonce\":\"abcde\"}", ERR_MALFORMED, "nonce"},
        {"{\"alg\":\"ES256\",\"kid\":\"k\",\"nonce\":1}", ERR_MALFORMED, "nonce"},
        {"{\"alg\":\"ES256\",\"kid\":\"k\",\"url\":{}}", ERR_MALFORMED, "url"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct jws *jws = NULL;
        struct err_info why = {0};
        enum err code =
            jws_read(*state, span_of(with_header(*state, rows[i].header)), &jws, &why);
        if (code != rows[i].code || strstr(why.detail, rows[i].sentence) == NULL)
            fail_msg("%s: %s: %s", rows[i].header, err_name(code), why.detail);
        assert_null(jws);
    }
}

/* eyJhbGciOiJFUzI1NiIsImtpZCI6ImsifQ is {"alg":"ES256","kid":"k"}. */
#define H "\"protected\":\"eyJhbGciOiJFUzI1NiIsImtpZCI6ImsifQ\""
#define P ",\"payload\":\"e30\""
#define S ",\"signature\":\"AAAA\""

/* S-JWS-2, 3, 5, 6, 13, S-B64-3 */
static void refuses_documents(void **state)
{
    static const struct {
        const char *text;
        const char *sentence; /* part of it; NULL: it is accepted */
    } rows[] = {
        {"{" H P S "}", NULL},
        {"{" H P S ",\"more\":1}", NULL},
        {"{" H ",\"payload\":\"\"" S "}", NULL},
        {"[]", "not an object"},
        {"eyJhbGciOiJFUzI1NiIsImtpZCI6ImsifQ.e30.AAAA", "JSON"}, /* compact */
        {"{" H P S, "JSON"},
        {"{" H H P S "}", "JSON"},
        {"{" H "," H P S "}", "duplicate"},
        {"{" H P S ",\"Payload\":\"e30\"}", "twice"},
        {"{" H P S ",\"signatures\":[]}", "signatures"},
        {"{" H P ",\"signatures\":[{\"signature\":\"AAAA\"}]}", "signatures"},
        {"{" H P S ",\"header\":{}}", "header"},
        {"{" H P S ",\"header\":{\"kid\":\"k\"}}", "header"},
        {"{" H P S ",\"HEADER\":{}}", "header"},
        {"{\"payload\":\"e30\"" S "}", "protected is missing"},
        {"{" H S "}", "payload is missing"},
        {"{" H P "}", "signature is missing"},
        {"{" H P ",\"signature\":\"\"}", "signature is empty"},
        {"{\"protected\":\"\"" P S "}", "header is empty"},
        {"{\"protected\":{}" P S "}", "protected must be"},
        {"{" H ",\"payload\":null" S "}", "payload must be"},
        {"{" H ",\"payload\":{}" S "}", "payload must be"},
        {"{" H P ",\"signature\":5}", "signature must be"},
        {"{\"protected\":\"eyJhbGciOiJFUzI1NiIsImtpZCI6ImsifQ==\"" P S "}",
         "protected is not"},
        {"{" H ",\"payload\":\"e30=\"" S "}", "payload is not"},
        {"{" H ",\"payload\":\"e31\"" S "}", "payload is not"}, /* trailing bits */
        {"{" H ",\"payload\":\"e\"" S "}", "payload is not"},
        {"{" H ",\"payload\":\"e3 0\"" S "}", "payload is not"},
        {"{" H ",\"payload\":\"e3/0\"" S "}", "payload is not"},
        {"{" H P ",\"signature\":\"AAA=\"}", "signature is not"},
        {"{" H P ",\"signature\":\"AAB\"}", "signature is not"},
        {"{" H P ",\"signature\":\"AA+A\"}", "signature is not"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct jws *jws = NULL;
        struct err_info why = {0};
        enum err code = jws_read(*state, span_of(rows[i].text), &jws, &why);
        bool good =
            rows[i].sentence == NULL
                ? code == ERR_OK
                : code == ERR_MALFORMED && strstr(why.detail, rows[i].sentence) != NULL;
        if (!good)
            fail_msg("%s: %s: %s", rows[i].text, err_name(code), why.detail);
    }
}

/* What we sign, we read and verify: with jwk, with kid, with nothing in it. */
static void round_trips(void **state)
{
    static const char *const payloads[] = {"", "{}", "{\"a\":\"b\"}"};

    for (enum key_type type = KEY_P256; type <= KEY_RSA; type++) {
        struct key *k = NULL;
        struct key *other = NULL;
        assert_int_equal(key_generate(type, 2048, &k, NULL), ERR_OK);
        assert_int_equal(
            key_generate(type == KEY_P256 ? KEY_P384 : KEY_P256, 0, &other, NULL),
            ERR_OK);
        for (size_t i = 0; i < 6; i++) {
            AUTO(buf) struct buf b = buf_make(10000);
            const char *kid = i % 2 == 0 ? NULL : "https://ca.example/account/1";
            const char *nonce = i < 3 ? "bm9uY2U" : NULL;
            const char *payload = payloads[i / 2];
            struct jws *jws = NULL;
            const struct jws_verified *verified = NULL;
            struct err_info why = {0};
            assert_int_equal(jws_sign(&b, k, kid, nonce, "https://ca.example/x",
                                      span_of(payload), &why),
                             ERR_OK);
            if (jws_read(*state, buf_span(&b), &jws, &why) != ERR_OK)
                fail_msg("%.*s: %s", (int)b.len, (const char *)b.data, why.detail);
            assert_string_equal(jws->url, "https://ca.example/x");
            assert_true(span_equal(span_of(jws->nonce), span_of(nonce)));
            assert_true(span_equal(span_of(jws->kid), span_of(kid)));
            assert_true(span_is(jws->payload, payload));
            if (kid == NULL) {
                AUTO(buf) struct buf text = buf_make(4096);
                jwk_write(&text, k);
                assert_true(span_is(buf_span(&text), jws->jwk_text));
                assert_true(key_equal(jws->jwk, k));
            }
            assert_int_equal(jws_verify(*state, jws, k, &verified, &why), ERR_OK);
            assert_ptr_equal(verified->jws, jws);
            assert_ptr_equal(verified->key, k);
            verified = NULL;
            assert_int_equal(jws_verify(*state, jws, other, &verified, &why),
                             ERR_BAD_SIGNATURE_ALGORITHM);
            assert_non_null(strstr(why.detail, "supported are ES256"));
            assert_null(verified);
        }
        key_free(k);
        key_free(other);
    }
}

static void wrong_signatures(void **state)
{
    struct key *k = NULL;
    struct key *other = NULL;
    AUTO(buf) struct buf b = buf_make(10000);
    struct jws *jws = NULL;
    const struct jws_verified *verified = NULL;
    struct err_info why = {0};

    assert_int_equal(key_generate(KEY_P256, 0, &k, NULL), ERR_OK);
    assert_int_equal(key_generate(KEY_P256, 0, &other, NULL), ERR_OK);
    assert_int_equal(jws_sign(&b, k, "kid", "bm9uY2U", "url", span_of("{}"), &why),
                     ERR_OK);
    assert_int_equal(jws_read(*state, buf_span(&b), &jws, &why), ERR_OK);
    assert_int_equal(jws_verify(*state, jws, other, &verified, &why), ERR_UNAUTHORIZED);
    assert_non_null(strstr(why.detail, "the signature is wrong"));
    struct jws changed = *jws;
    changed.signature = span_slice(jws->signature, 0, 63);
    assert_int_equal(jws_verify(*state, &changed, k, &verified, &why), ERR_UNAUTHORIZED);
    changed.signature = span_slice(jws->signature, 1, 63);
    assert_int_equal(jws_verify(*state, &changed, k, &verified, &why), ERR_UNAUTHORIZED);
    changed = *jws;
    changed.signing_input = span_slice(jws->signing_input, 0, jws->signing_input.len - 1);
    assert_int_equal(jws_verify(*state, &changed, k, &verified, &why), ERR_UNAUTHORIZED);
    assert_null(verified);
    assert_int_equal(jws_verify(*state, jws, k, &verified, &why), ERR_OK);
    key_free(k);
    key_free(other);
}

static void signing_has_bounds(void **state)
{
    struct key *k = NULL;
    struct key *public_key = NULL;
    struct err_info why = {0};
    struct buf small = buf_make(100);
    struct buf large = buf_make(10000);

    (void)state;
    assert_int_equal(key_generate(KEY_P256, 0, &k, NULL), ERR_OK);
    assert_int_equal(key_from_spki(key_spki(k), &public_key, NULL), ERR_OK);
    assert_int_equal(jws_sign(&small, k, NULL, NULL, "url", span_of("{}"), &why),
                     ERR_TOO_LARGE);
    assert_int_equal(jws_sign(&large, public_key, NULL, NULL, "url", span_of("{}"), &why),
                     ERR_CRYPTO);
    assert_int_equal(large.len, 0);
    buf_free(&small);
    buf_free(&large);
    key_free(k);
    key_free(public_key);
}

/* Signatures that lost leading zeros of r, of s, of both; and what is only short. */
static void short_signatures(void **state)
{
    static const size_t n = 32; /* octets of a number of P-256 */
    struct key *k = NULL;
    bool seen[2] = {false, false};

    assert_int_equal(key_generate(KEY_P256, 0, &k, NULL), ERR_OK);
    for (int i = 0; i < 20000 && !(seen[0] && seen[1]); i++) {
        const char *input = arena_printf(*state, "message %d", i);
        uint8_t whole[KEY_SIGNATURE_MAX];
        uint8_t cut[KEY_SIGNATURE_MAX];
        size_t len = 0;
        const struct jws_verified *verified = NULL;
        assert_int_equal(
            key_sign(k, KEY_SIGNATURE_ES256, span_of(input), whole, &len, NULL), ERR_OK);
        size_t of_r = whole[0] == 0 ? 1 : 0;
        size_t of_s = whole[n] == 0 ? 1 : 0;
        if (of_r + of_s == 0)
            continue;
        seen[0] = seen[0] || of_r > 0;
        seen[1] = seen[1] || of_s > 0;
        memcpy(cut, whole + of_r, n - of_r);
        memcpy(cut + n - of_r, whole + n + of_s, n - of_s);
        struct jws jws = {.algorithm = KEY_SIGNATURE_ES256,
                          .algorithm_name = "ES256",
                          .signing_input = span_of(input),
                          .signature = span_make(cut, 2 * n - of_r - of_s)};
        assert_int_equal(jws_verify(*state, &jws, k, &verified, NULL), ERR_OK);
        cut[n] ^= 1;
        assert_int_equal(jws_verify(*state, &jws, k, &verified, NULL), ERR_UNAUTHORIZED);
        for (size_t shorter = 0; shorter < 2 * n; shorter += 7) {
            jws.signature = span_make(whole, shorter);
            assert_int_equal(jws_verify(*state, &jws, k, &verified, NULL),
                             ERR_UNAUTHORIZED);
        }
    }
    assert_true(seen[0] && seen[1]);
    key_free(k);
}

static void algorithms_are_json(void **state)
{
    const struct json *list = NULL;

    assert_int_equal(json_read(*state, span_of(jws_algorithms_json()), &list, NULL),
                     ERR_OK);
    assert_int_equal(json_count(list), 11);
    for (size_t i = 0; i < json_count(list); i++) {
        struct jws *jws = NULL;
        const char *header = arena_printf(*state, "{\"alg\":\"%s\",\"kid\":\"k\"}",
                                          json_text(json_element(list, i)));
        assert_int_equal(
            jws_read(*state, span_of(with_header(*state, header)), &jws, NULL), ERR_OK);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(reads, setup, teardown),
        cmocka_unit_test_setup_teardown(refuses_headers, setup, teardown),
        cmocka_unit_test_setup_teardown(refuses_documents, setup, teardown),
        cmocka_unit_test_setup_teardown(round_trips, setup, teardown),
        cmocka_unit_test_setup_teardown(wrong_signatures, setup, teardown),
        cmocka_unit_test_setup_teardown(signing_has_bounds, setup, teardown),
        cmocka_unit_test_setup_teardown(short_signatures, setup, teardown),
        cmocka_unit_test_setup_teardown(algorithms_are_json, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
