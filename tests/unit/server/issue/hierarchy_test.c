/* Tests of server/issue/hierarchy: the new CA, judged by OpenSSL. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#include "core/base/text.h"
#include "core/crypto/key.h"
#include "core/x509/certificate.h"
#include "server/issue/hierarchy.h"

#define NOW  INT64_C(1800000000)
#define YEAR INT64_C(31536000)

static X509 *theirs(struct arena *a, struct span pem)
{
    struct span der = {0};
    size_t count = 0;

    assert_int_equal(certificate_from_pem(a, pem, &der, 1, &count, NULL), ERR_OK);
    const unsigned char *at = der.data;
    X509 *x = d2i_X509(NULL, &at, (long)der.len);
    assert_non_null(x);
    return x;
}

static void assert_cn(X509 *x, const char *wanted)
{
    char text[200];

    assert_true(X509_NAME_get_text_by_NID(X509_get_subject_name(x), NID_commonName, text,
                                          sizeof text) > 0);
    assert_string_equal(text, wanted);
}

static void made(void **state)
{
    AUTO(arena) struct arena *a = arena_new();
    AUTO(hierarchy) struct hierarchy h = {0};

    (void)state;
    assert_int_equal(hierarchy_make(a, "Ünïcode CA", NOW, NULL, &h, NULL), ERR_OK);
    X509 *root = theirs(a, h.root_pem);
    X509 *intermediate = theirs(a, h.intermediate_pem);
    assert_cn(root, "Ünïcode CA Root");
    assert_cn(intermediate, "Ünïcode CA Intermediate");
    assert_int_equal(X509_verify(root, X509_get0_pubkey(root)), 1);
    assert_int_equal(X509_verify(intermediate, X509_get0_pubkey(root)), 1);
    assert_int_equal(X509_check_issued(root, intermediate), X509_V_OK);
    assert_int_equal(X509_check_ca(root), 1);
    assert_int_equal(X509_check_ca(intermediate), 1);
    assert_int_equal(X509_get_pathlen(root), -1);
    assert_int_equal(X509_get_pathlen(intermediate), 0);
    assert_int_equal(X509_get_key_usage(root), KU_KEY_CERT_SIGN | KU_CRL_SIGN);
    assert_int_equal(X509_get_key_usage(intermediate), KU_KEY_CERT_SIGN | KU_CRL_SIGN);
    assert_int_equal(EVP_PKEY_get_bits(X509_get0_pubkey(root)), 384);
    assert_int_equal(EVP_PKEY_get_bits(X509_get0_pubkey(intermediate)), 256);
    assert_int_equal(
        ASN1_TIME_cmp_time_t(X509_get0_notAfter(root), (time_t)(NOW + 10 * YEAR)), 0);
    assert_int_equal(
        ASN1_TIME_cmp_time_t(X509_get0_notAfter(intermediate), (time_t)(NOW + 5 * YEAR)),
        0);
    assert_true(h.root_not_after == NOW + 10 * YEAR);
    unsigned char digest[32];
    unsigned int len = 0;
    char hex[65];
    assert_int_equal(X509_digest(root, EVP_sha256(), digest, &len), 1);
    text_hex(hex, digest, len);
    assert_string_equal(h.root_fingerprint, hex);
    X509_free(root);
    X509_free(intermediate);
}

/* The keys are those of the certificates, and as secret as was asked for. */
static void keys(void **state)
{
    static const char *const passphrases[] = {NULL, "correct"};
    AUTO(arena) struct arena *a = arena_new();

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        AUTO(hierarchy) struct hierarchy h = {0};
        AUTO(key) struct key *key = NULL;
        struct secret passphrase = {0};
        struct certificate *c = NULL;
        struct span der = {0};
        size_t count = 0;
        if (passphrases[i] != NULL)
            passphrase = secret_make(span_of(passphrases[i]));
        const struct secret *given = passphrases[i] != NULL ? &passphrase : NULL;
        assert_int_equal(hierarchy_make(a, "X", NOW, given, &h, NULL), ERR_OK);
        struct span pem =
            span_make(h.intermediate_key_pem.data, h.intermediate_key_pem.len);
        assert_int_equal(key_from_pem(pem, given, &key, NULL), ERR_OK);
        assert_int_equal(
            certificate_from_pem(a, h.intermediate_pem, &der, 1, &count, NULL), ERR_OK);
        assert_int_equal(certificate_read(a, der, &c, NULL), ERR_OK);
        assert_true(span_equal(c->spki, key_spki(key)));
        if (given != NULL) {
            AUTO(key) struct key *none = NULL;
            struct secret wrong = secret_make(span_of("wrong"));
            assert_int_equal(key_from_pem(pem, NULL, &none, NULL), ERR_CRYPTO);
            assert_int_equal(key_from_pem(pem, &wrong, &none, NULL), ERR_CRYPTO);
            secret_free(&wrong);
        }
        secret_free(&passphrase);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(made),
        cmocka_unit_test(keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
