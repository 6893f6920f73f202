/* Tests of core/x509/ocsp: requests by OpenSSL are read, answers are read and verified by
 * OpenSSL. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <openssl/ocsp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "core/x509/certificate.h"
#include "core/x509/ocsp.h"
#include "x509_fixtures.h"

#define NOW 1795564400 /* 2026-11-24, while the leaf of the fixtures is valid */
#define DAY 86400

static X509 *read_pem(const char *pem)
{
    BIO *bio = BIO_new_mem_buf(pem, -1);
    X509 *made = PEM_read_bio_X509(bio, NULL, NULL, NULL);

    BIO_free(bio);
    assert_non_null(made);
    return made;
}

static OCSP_CERTID *id_of(const EVP_MD *hash)
{
    X509 *leaf = read_pem(pem_leaf);
    X509 *issuer = read_pem(pem_intermediate);
    OCSP_CERTID *id = OCSP_cert_to_id(hash, leaf, issuer);

    X509_free(leaf);
    X509_free(issuer);
    return id;
}

/* A request for these hashes, with a nonce of that length if it is not negative. */
static struct span request_of(struct arena *a, const EVP_MD *const *hashes, size_t count,
                              int nonce)
{
    unsigned char octets[200] = {7};
    OCSP_REQUEST *request = OCSP_REQUEST_new();
    unsigned char *der = NULL;

    for (size_t i = 0; i < count; i++)
        assert_non_null(OCSP_request_add0_id(request, id_of(hashes[i])));
    if (nonce > 0)
        assert_int_equal(OCSP_request_add1_nonce(request, octets, nonce), 1);
    int len = i2d_OCSP_REQUEST(request, &der);
    assert_true(len > 0);
    struct span made = arena_span(a, span_make(der, (size_t)len));
    OPENSSL_free(der);
    OCSP_REQUEST_free(request);
    return made;
}

/* X-OCSP-8 */
static void requests_by_openssl(void **state)
{
    AUTO(arena) struct arena *a = arena_new();
    const EVP_MD *hashes[] = {EVP_sha1(), EVP_sha256(), EVP_sha512()};
    struct ocsp_request request;
    struct certificate *issuer = NULL;
    struct span der = {0};
    size_t count = 0;
    uint8_t digest[HASH_MAX_SIZE];

    (void)state;
    assert_int_equal(ocsp_request_read(request_of(a, hashes, 3, 32), &request, NULL),
                     ERR_OK);
    assert_int_equal(request.count, 3);
    assert_int_equal(request.nonce.len, 32);
    assert_true(request.ids[0].known && request.ids[0].hash == HASH_SHA1);
    assert_true(request.ids[1].known && request.ids[1].hash == HASH_SHA256);
    assert_false(request.ids[2].known);
    assert_int_equal(
        certificate_from_pem(a, span_of(pem_intermediate), &der, 1, &count, NULL),
        ERR_OK);
    assert_int_equal(certificate_read(a, der, &issuer, NULL), ERR_OK);
    for (size_t i = 0; i < 2; i++) {
        enum hash_kind kind = i == 0 ? HASH_SHA1 : HASH_SHA256;
        size_t len = ocsp_hash_name(kind, issuer->subject, digest);
        assert_true(span_equal(request.ids[i].name, span_make(digest, len)));
        len = ocsp_hash_key(kind, issuer->spki, digest);
        assert_true(span_equal(request.ids[i].key, span_make(digest, len)));
        assert_true(span_equal(request.ids[i].serial, span_make("\xff\x01", 2)));
    }
}

/* X-OCSP-7 */
static void nonces(void **state)
{
    AUTO(arena) struct arena *a = arena_new();
    const EVP_MD *hash = EVP_sha1();
    struct ocsp_request request;

    (void)state;
    assert_int_equal(ocsp_request_read(request_of(a, &hash, 1, -1), &request, NULL),
                     ERR_OK);
    assert_int_equal(request.nonce.len, 0);
    for (int len = 1; len <= 40; len++) {
        assert_int_equal(ocsp_request_read(request_of(a, &hash, 1, len), &request, NULL),
                         len <= 32 ? ERR_OK : ERR_MALFORMED);
        assert_true(len > 32 || request.nonce.len == (size_t)len);
    }
    /* an empty one: its OCTET STRING is made empty, and all lengths around it less */
    struct span one = request_of(a, &hash, 1, 1);
    uint8_t *octets = arena_copy(a, one.data, one.len);
    uint8_t *nonce = octets + one.len - 3; /* 04 01 xx at the end */
    assert_memory_equal(nonce, "\x04\x01\x07", 3);
    nonce[1] = 0;
    nonce[-1]--;  /* extnValue */
    nonce[-14]--; /* Extension */
    nonce[-16]--; /* Extensions */
    nonce[-18]--; /* [2] */
    octets[1]--;  /* request */
    octets[3]--;  /* tbsRequest */
    assert_int_equal(ocsp_request_read(span_make(octets, one.len - 1), &request, NULL),
                     ERR_MALFORMED);
}

static void cut_and_too_many(void **state)
{
    AUTO(arena) struct arena *a = arena_new();
    const EVP_MD *hashes[OCSP_CERTS_MAX + 1];
    struct ocsp_request request;

    (void)state;
    for (size_t i = 0; i <= OCSP_CERTS_MAX; i++)
        hashes[i] = EVP_sha1();
    struct span whole = request_of(a, hashes, OCSP_CERTS_MAX, 8);
    assert_int_equal(ocsp_request_read(whole, &request, NULL), ERR_OK);
    assert_int_equal(request.count, OCSP_CERTS_MAX);
    for (size_t len = 0; len < whole.len; len++)
        assert_int_equal(ocsp_request_read(span_make(whole.data, len), &request, NULL),
                         ERR_MALFORMED);
    assert_int_equal(
        ocsp_request_read(request_of(a, hashes, OCSP_CERTS_MAX + 1, -1), &request, NULL),
        ERR_MALFORMED);
    assert_int_equal(ocsp_request_read(request_of(a, hashes, 0, -1), &request, NULL),
                     ERR_MALFORMED);
}

/* ---- answers ---- */

/* A certificate for the key, signed by whoever. */
static X509 *certificate_for(const struct key *key)
{
    struct span spki = key_spki(key);
    const unsigned char *at = spki.data;
    EVP_PKEY *public = d2i_PUBKEY(NULL, &at, (long)spki.len);
    EVP_PKEY *other = EVP_EC_gen("P-256");
    X509 *made = X509_new();

    assert_int_equal(X509_set_version(made, 2), 1);
    ASN1_INTEGER_set(X509_get_serialNumber(made), 5);
    X509_gmtime_adj(X509_getm_notBefore(made), -DAY);
    X509_gmtime_adj(X509_getm_notAfter(made), DAY);
    assert_int_equal(X509_set_pubkey(made, public), 1);
    assert_true(X509_sign(made, other, EVP_sha256()) > 0);
    EVP_PKEY_free(public);
    EVP_PKEY_free(other);
    return made;
}

static void check_single(OCSP_BASICRESP *basic, const EVP_MD *hash, int status,
                         int reason, int64_t revoked)
{
    OCSP_CERTID *id = id_of(hash);
    ASN1_GENERALIZEDTIME *when = NULL;
    ASN1_GENERALIZEDTIME *from = NULL;
    ASN1_GENERALIZEDTIME *until = NULL;
    int said = -1;
    int why = -1;

    assert_int_equal(OCSP_resp_find_status(basic, id, &said, &why, &when, &from, &until),
                     1);
    assert_int_equal(said, status);
    assert_int_equal(why, reason);
    if (revoked != 0)
        assert_int_equal(ASN1_TIME_cmp_time_t(when, (time_t)revoked), 0);
    assert_int_equal(ASN1_TIME_cmp_time_t(from, NOW), 0);
    assert_int_equal(ASN1_TIME_cmp_time_t(until, NOW + DAY), 0);
    OCSP_CERTID_free(id);
}

/* X-OCSP-1, 3, 5, 6: good, revoked with and without a reason, unknown; by OpenSSL. */
static void answers_for_openssl(void **state)
{
    AUTO(arena) struct arena *a = arena_new();
    AUTO(key) struct key *key = NULL;
    const EVP_MD *hashes[] = {EVP_sha1(), EVP_sha256(), EVP_sha384(), EVP_sha512()};
    struct ocsp_request request;
    struct ocsp_data data = {.produced = NOW};
    struct ocsp_data again;
    uint8_t name[HASH_MAX_SIZE];
    uint8_t signature[KEY_SIGNATURE_MAX];
    unsigned char *der = NULL;
    struct span tbs;
    size_t len = 0;

    (void)state;
    struct span asked = request_of(a, hashes, 4, 16);
    assert_int_equal(ocsp_request_read(asked, &request, NULL), ERR_OK);
    assert_int_equal(key_generate(KEY_P256, 0, &key, NULL), ERR_OK);
    data.responder = span_make(name, ocsp_hash_key(HASH_SHA1, key_spki(key), name));
    data.nonce = request.nonce;
    data.count = 4;
    for (size_t i = 0; i < 4; i++)
        data.singles[i] = (struct ocsp_single){.id = request.ids[i],
                                               .reason = OCSP_REASON_NONE,
                                               .this_update = NOW,
                                               .next_update = NOW + DAY};
    data.singles[1].status = data.singles[3].status = OCSP_REVOKED;
    data.singles[1].revoked = data.singles[3].revoked = NOW - 5;
    data.singles[1].reason = 1;
    data.singles[2].status = OCSP_UNKNOWN;
    assert_int_equal(ocsp_data_write(a, &data, &tbs, NULL), ERR_OK);
    assert_int_equal(ocsp_data_read(tbs, &again, NULL), ERR_OK);
    assert_int_equal(again.count, 4);
    assert_int_equal(again.singles[1].reason, 1);
    assert_int_equal(again.singles[3].reason, OCSP_REASON_NONE);
    assert_true(span_equal(again.nonce, request.nonce));
    assert_int_equal(
        key_sign(key, KEY_SIGNATURE_ECDSA_SHA256, tbs, signature, &len, NULL), ERR_OK);
    X509 *certificate = certificate_for(key);
    int der_len = i2d_X509(certificate, &der);
    struct span answer =
        ocsp_answer(a, tbs, KEY_SIGNATURE_ECDSA_SHA256, span_make(signature, len),
                    span_make(der, (size_t)der_len));
    const unsigned char *at = answer.data;
    OCSP_RESPONSE *response = d2i_OCSP_RESPONSE(NULL, &at, (long)answer.len);
    assert_non_null(response);
    assert_ptr_equal(at, answer.data + answer.len);
    assert_int_equal(OCSP_response_status(response), OCSP_RESPONSE_STATUS_SUCCESSFUL);
    OCSP_BASICRESP *basic = OCSP_response_get1_basic(response);
    assert_non_null(basic);
    STACK_OF(X509) *others = sk_X509_new_null();
    sk_X509_push(others, certificate);
    X509_STORE *store = X509_STORE_new();
    assert_int_equal(OCSP_basic_verify(basic, others, store, OCSP_TRUSTOTHER), 1);
    const unsigned char *at_request = asked.data;
    OCSP_REQUEST *theirs = d2i_OCSP_REQUEST(NULL, &at_request, (long)asked.len);
    assert_int_equal(OCSP_check_nonce(theirs, basic), 1);
    OCSP_REQUEST_free(theirs);
    check_single(basic, EVP_sha1(), V_OCSP_CERTSTATUS_GOOD, -1, 0);
    check_single(basic, EVP_sha256(), V_OCSP_CERTSTATUS_REVOKED, 1, NOW - 5);
    check_single(basic, EVP_sha384(), V_OCSP_CERTSTATUS_UNKNOWN, -1, 0);
    check_single(basic, EVP_sha512(), V_OCSP_CERTSTATUS_REVOKED, -1, NOW - 5);
    X509_STORE_free(store);
    sk_X509_free(others);
    X509_free(certificate);
    OPENSSL_free(der);
    OCSP_BASICRESP_free(basic);
    OCSP_RESPONSE_free(response);
}

static void refusals(void **state)
{
    static const enum ocsp_refusal all[] = {OCSP_MALFORMED_REQUEST, OCSP_INTERNAL_ERROR,
                                            OCSP_TRY_LATER, OCSP_UNAUTHORIZED};

    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        struct span der = ocsp_refuse(all[i]);
        const unsigned char *at = der.data;
        OCSP_RESPONSE *response = d2i_OCSP_RESPONSE(NULL, &at, (long)der.len);
        assert_non_null(response);
        assert_int_equal(OCSP_response_status(response), (int)all[i]);
        assert_null(OCSP_response_get1_basic(response));
        OCSP_RESPONSE_free(response);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_by_openssl),
        cmocka_unit_test(nonces),
        cmocka_unit_test(cut_and_too_many),
        cmocka_unit_test(answers_for_openssl),
        cmocka_unit_test(refusals),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
