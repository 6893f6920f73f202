/* Tests of the OCSP part of server/signer/signer_core: a responder's certificate is for a
 * key of the safe only; its answers are verified by OpenSSL. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <openssl/ocsp.h>
#include <openssl/pem.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/x509/certificate.h"
#include "core/x509/ocsp.h"
#include "core/x509/oid.h"
#include "server/hierarchy_fixture.h"
#include "server/issue/template.h"
#include "server/signer/signer_core.h"

#define DAY 86400

static struct arena *arena;
static struct hierarchy ca;
static struct hierarchy second;
static struct template_issuer issuer;
static struct template_issuer other;
static struct span issuer_der;
static struct signer_core *core;

static struct template_issuer template_of(struct span pem, struct span *der)
{
    struct template_issuer made = {0};
    size_t count = 0;

    assert_int_equal(certificate_from_pem(arena, pem, der, 1, &count, NULL), ERR_OK);
    assert_int_equal(template_issuer_read(arena, *der, &made, NULL), ERR_OK);
    return made;
}

static struct span responder_tbs(const struct template_issuer *from, struct span spki)
{
    const struct span usage = oid_octets(OID_OCSP_SIGNING);
    struct template_leaf leaf = {.usages = {&usage, 1},
                                 .common_name = "OCSP",
                                 .not_before = clock_now() - 60,
                                 .not_after = clock_now() + 7 * DAY,
                                 .spki = spki,
                                 .key_type = KEY_P256,
                                 .no_check = true};
    struct span tbs = {0};

    serial_make(clock_now(), leaf.serial);
    assert_int_equal(template_leaf_write(arena, from, &leaf, &tbs, NULL), ERR_OK);
    return tbs;
}

static enum err certify(struct span tbs, struct span *der, struct err_info *why)
{
    return signer_core_sign(core, arena, LINT_RESPONDER_CERTIFICATE, span_of(""), tbs,
                            der, why);
}

static enum err key_of(struct span key_id, struct span *spki)
{
    return signer_core_responder(core, key_id, span_make(NULL, 0), spki, NULL);
}

/* Nothing is certified for a key that another took the place of. */
static void another_key(void **state)
{
    struct span spki = {0};
    struct span old = {0};
    struct span again = {0};
    struct span others = {0};
    struct span der = {0};

    (void)state;
    assert_int_equal(key_of(issuer.key_id, &spki), ERR_OK);
    old = arena_span(arena, spki);
    assert_int_equal(key_of(other.key_id, &others), ERR_OK);
    size_t made = signer_core_responders(core);
    for (int i = 0; i < 2; i++) { /* asked twice, made once */
        assert_int_equal(signer_core_responder(core, issuer.key_id, old, &spki, NULL),
                         ERR_OK);
        assert_int_equal(signer_core_responders(core), made + 1);
    }
    assert_false(span_equal(spki, old));
    assert_int_equal(key_of(issuer.key_id, &again), ERR_OK);
    assert_true(span_equal(spki, again));
    assert_int_equal(certify(responder_tbs(&issuer, spki), &der, NULL), ERR_OK);
    assert_int_equal(certify(responder_tbs(&issuer, old), &der, NULL), ERR_LINT);
    assert_int_equal(key_of(other.key_id, &again), ERR_OK);
    assert_true(span_equal(others, again));
}

/* X-OCSP-2 */
static void certificates(void **state)
{
    AUTO(key) struct key *foreign = NULL;
    struct err_info why = {0};
    struct span spki = {0};
    struct span again = {0};
    struct span others = {0};
    struct span der = {0};

    (void)state;
    assert_int_equal(key_of(issuer.key_id, &spki), ERR_OK);
    assert_int_equal(key_of(issuer.key_id, &again), ERR_OK);
    assert_true(span_equal(spki, again));
    assert_int_equal(key_of(other.key_id, &others), ERR_OK);
    assert_false(span_equal(spki, others));
    assert_int_equal(key_of(span_of("?"), &again), ERR_NOT_FOUND);
    assert_int_equal(certify(responder_tbs(&issuer, spki), &der, &why), ERR_OK);
    const unsigned char *at = der.data;
    X509 *made = d2i_X509(NULL, &at, (long)der.len);
    assert_non_null(made);
    assert_int_equal(X509_get_extended_key_usage(made), XKU_OCSP_SIGN);
    assert_int_equal(X509_get_key_usage(made), KU_DIGITAL_SIGNATURE);
    assert_true(X509_get_ext_by_NID(made, NID_id_pkix_OCSP_noCheck, -1) >= 0);
    assert_true(X509_get_ext_by_NID(made, NID_subject_alt_name, -1) < 0);
    assert_true(X509_get_ext_by_NID(made, NID_crl_distribution_points, -1) < 0);
    X509_free(made);
    /* a key from outside would speak for the issuer for a week, whatever became of it */
    assert_int_equal(key_generate(KEY_P256, 0, &foreign, NULL), ERR_OK);
    assert_int_equal(certify(responder_tbs(&issuer, key_spki(foreign)), &der, &why),
                     ERR_LINT);
    assert_non_null(strstr(why.detail, "was not made here"));
    assert_int_equal(certify(responder_tbs(&issuer, others), &der, &why), ERR_LINT);
}

static X509 *read_pem(struct span pem)
{
    BIO *bio = BIO_new_mem_buf(pem.data, (int)pem.len);
    X509 *made = PEM_read_bio_X509(bio, NULL, NULL, NULL);

    BIO_free(bio);
    assert_non_null(made);
    return made;
}

/* By OpenSSL alone: 1 if a client that trusts the root believes it. */
static int judge(struct span answer)
{
    const unsigned char *at = answer.data;
    OCSP_RESPONSE *response = d2i_OCSP_RESPONSE(NULL, &at, (long)answer.len);
    OCSP_BASICRESP *basic = OCSP_response_get1_basic(response);
    X509_STORE *store = X509_STORE_new();
    STACK_OF(X509) *chain = sk_X509_new_null();
    X509 *root = read_pem(ca.root_pem);
    X509 *intermediate = read_pem(ca.intermediate_pem);

    assert_non_null(basic);
    X509_STORE_add_cert(store, root);
    sk_X509_push(chain, intermediate);
    int result = OCSP_basic_verify(basic, chain, store, 0);
    sk_X509_free(chain);
    X509_free(root);
    X509_free(intermediate);
    X509_STORE_free(store);
    OCSP_BASICRESP_free(basic);
    OCSP_RESPONSE_free(response);
    return result;
}

/* A request by OpenSSL for serial 42 of the issuer, read. */
static struct ocsp_request request_by_openssl(void)
{
    struct ocsp_request made;
    OCSP_REQUEST *request = OCSP_REQUEST_new();
    X509 *intermediate = read_pem(ca.intermediate_pem);
    ASN1_INTEGER *serial = ASN1_INTEGER_new();
    unsigned char *der = NULL;

    ASN1_INTEGER_set(serial, 42);
    OCSP_request_add0_id(request,
                         OCSP_cert_id_new(EVP_sha1(), X509_get_subject_name(intermediate),
                                          X509_get0_pubkey_bitstr(intermediate), serial));
    int len = i2d_OCSP_REQUEST(request, &der);
    struct span octets = arena_span(arena, span_make(der, (size_t)len));
    OPENSSL_free(der);
    ASN1_INTEGER_free(serial);
    X509_free(intermediate);
    OCSP_REQUEST_free(request);
    assert_int_equal(ocsp_request_read(octets, &made, NULL), ERR_OK);
    return made;
}

/* X-OCSP-1 */
static void answers(void **state)
{
    const struct ocsp_request request = request_by_openssl();
    struct ocsp_data data = {.produced = clock_now(), .count = 1};
    struct err_info why = {0};
    struct span spki = {0};
    struct span der = {0};
    struct span tbs = {0};
    uint8_t name[HASH_MAX_SIZE];
    uint8_t signature[KEY_SIGNATURE_MAX];
    size_t len = 0;

    (void)state;
    assert_int_equal(key_of(issuer.key_id, &spki), ERR_OK);
    assert_int_equal(certify(responder_tbs(&issuer, spki), &der, &why), ERR_OK);
    data.responder = span_make(name, ocsp_hash_key(HASH_SHA1, spki, name));
    data.singles[0] = (struct ocsp_single){.id = request.ids[0],
                                           .reason = OCSP_REASON_NONE,
                                           .this_update = data.produced,
                                           .next_update = data.produced + DAY};
    assert_int_equal(ocsp_data_write(arena, &data, &tbs, NULL), ERR_OK);
    assert_int_equal(signer_core_sign_answer(core, tbs, signature, &len, &why), ERR_OK);
    struct span whole = ocsp_answer(arena, tbs, SIGNER_RESPONDER_SIGNATURE,
                                    span_make(signature, len), der);
    assert_int_equal(judge(whole), 1);
    /* what says anything else is not signed by it */
    uint8_t *changed = arena_copy(arena, whole.data, whole.len);
    changed[whole.len - 1] ^= 1;
    assert_true(judge(span_make(changed, whole.len)) <= 0);
    data.singles[0].next_update = data.produced + 11 * DAY;
    assert_int_equal(ocsp_data_write(arena, &data, &tbs, NULL), ERR_OK);
    assert_int_equal(signer_core_sign_answer(core, tbs, signature, &len, &why), ERR_LINT);
    /* and the other issuer's responder says nothing of it */
    data.singles[0].next_update = data.produced + DAY;
    assert_int_equal(key_of(other.key_id, &spki), ERR_OK);
    (void)ocsp_hash_key(HASH_SHA1, spki, name);
    assert_int_equal(ocsp_data_write(arena, &data, &tbs, NULL), ERR_OK);
    assert_int_equal(signer_core_sign_answer(core, tbs, signature, &len, &why), ERR_LINT);
    assert_int_equal(strncmp(why.detail, "rule_ocsp_issuer", 16), 0);
}

static struct span span_of_secret(const struct secret *s)
{
    return span_make(s->data, s->len);
}

static int set_up(void **state)
{
    struct span ignored;

    (void)state;
    arena = arena_new();
    if (hierarchy_make(arena, "One", clock_now(), NULL, &ca, NULL) != ERR_OK ||
        hierarchy_make(arena, "Two", clock_now(), NULL, &second, NULL) != ERR_OK)
        return -1;
    issuer = template_of(ca.intermediate_pem, &issuer_der);
    other = template_of(second.intermediate_pem, &ignored);
    const struct signer_issuer issuers[] = {
        {ca.intermediate_pem, span_of_secret(&ca.intermediate_key_pem), "one.key",
         ca.root_pem},
        {second.intermediate_pem, span_of_secret(&second.intermediate_key_pem), "two.key",
         second.root_pem}};
    const struct signer_options options = {
        .issuers = issuers, .issuer_count = 2, .journal_fd = -1, .lists_fd = -1};
    return signer_core_new(&options, &core, NULL) == ERR_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    signer_core_free(core);
    hierarchy_free(&ca);
    hierarchy_free(&second);
    arena_free(arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(certificates),
        cmocka_unit_test(another_key),
        cmocka_unit_test(answers),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
