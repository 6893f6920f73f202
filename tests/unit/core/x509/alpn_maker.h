/* Certificates for and against tls-alpn-01, made with OpenSSL while the test runs. */
#pragma once

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>

#define ALPN_IDENTIFIER "1.3.6.1.5.5.7.1.31"
#define ALPN_DIGEST_LEN 32

/* What is unusual about one; all zero but names and digest: a good one. */
struct alpn_made {
    const char *names;      /* of the subjectAltName, as openssl.cnf has it; NULL: none */
    const uint8_t *digest;  /* ALPN_DIGEST_LEN octets; NULL: no acmeIdentifier */
    const char *identifier; /* the extension's OID, if it is another */
    bool not_critical;
    int digest_len;     /* if not ALPN_DIGEST_LEN */
    bool no_inner;      /* the digest without an OCTET STRING around it */
    bool trailing;      /* an octet behind that OCTET STRING */
    bool twice;         /* the extension once more */
    bool names_twice;   /* the same with the subjectAltName */
    bool is_ca;         /* with a basicConstraints */
    bool other_issuer;  /* not the subject */
    bool other_key;     /* signs */
    bool sha1;          /* in the signature */
    int version_before; /* 1: version 2 */
    int rsa_bits;       /* 0: P-256 */
};

static inline EVP_PKEY *alpn_key(const struct alpn_made *m)
{
    return m->rsa_bits != 0 ? EVP_RSA_gen((unsigned int)m->rsa_bits)
                            : EVP_EC_gen("P-256");
}

static inline void alpn_add(X509 *x, X509_EXTENSION *e)
{
    assert_non_null(e);
    assert_int_equal(X509_add_ext(x, e, -1), 1);
    X509_EXTENSION_free(e);
}

static inline void alpn_add_identifier(X509 *x, const struct alpn_made *m)
{
    uint8_t value[ALPN_DIGEST_LEN * 2 + 3] = {0x04};
    size_t head = m->no_inner ? 0 : 2;
    size_t len = (size_t)(m->digest_len != 0 ? m->digest_len : ALPN_DIGEST_LEN);
    ASN1_OBJECT *id =
        OBJ_txt2obj(m->identifier != NULL ? m->identifier : ALPN_IDENTIFIER, 1);
    ASN1_OCTET_STRING *content = ASN1_OCTET_STRING_new();

    value[1] = (uint8_t)len;
    for (size_t i = 0; i < len; i++)
        value[head + i] = m->digest[i % ALPN_DIGEST_LEN];
    assert_int_equal(
        ASN1_OCTET_STRING_set(content, value, (int)(head + len + (m->trailing ? 1 : 0))),
        1);
    alpn_add(x, X509_EXTENSION_create_by_OBJ(NULL, id, !m->not_critical, content));
    ASN1_OCTET_STRING_free(content);
    ASN1_OBJECT_free(id);
}

static inline void alpn_set_name(X509_NAME *n, const char *text)
{
    assert_int_equal(X509_NAME_add_entry_by_txt(n, "CN", MBSTRING_ASC,
                                                (const uint8_t *)text, -1, -1, 0),
                     1);
}

/* Sign once more, with another version: OpenSSL 3.5 signs none that has extensions and is
 * not of version 3. */
static inline void alpn_sign_version(X509 *x, int version, EVP_PKEY *key)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    const ASN1_BIT_STRING *known;
    ASN1_BIT_STRING *signature;
    uint8_t *tbs = NULL;
    uint8_t made[512];
    size_t len = sizeof made;

    assert_int_equal(X509_set_version(x, version), 1);
    int tbs_len = i2d_re_X509_tbs(x, &tbs);
    assert_true(tbs_len > 0);
    assert_int_equal(EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key), 1);
    assert_int_equal(EVP_DigestSign(ctx, made, &len, tbs, (size_t)tbs_len), 1);
    X509_get0_signature(&known, NULL, x);
    memcpy(&signature, &known, sizeof signature);
    assert_int_equal(ASN1_STRING_set(signature, made, (int)len), 1);
    OPENSSL_free(tbs);
    EVP_MD_CTX_free(ctx);
}

/* Make one; `key` is its key, the caller's as the certificate. */
static inline X509 *alpn_make(const struct alpn_made *m, EVP_PKEY **key)
{
    X509 *x = X509_new();
    EVP_PKEY *other = alpn_key(m);

    *key = alpn_key(m);
    assert_int_equal(X509_set_version(x, X509_VERSION_3), 1);
    assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(x), 1), 1);
    /* over long ago: of no account */
    assert_non_null(ASN1_TIME_set(X509_getm_notBefore(x), 1000000000));
    assert_non_null(ASN1_TIME_set(X509_getm_notAfter(x), 1000086400));
    alpn_set_name(X509_get_subject_name(x), "ACME challenge");
    alpn_set_name(X509_get_issuer_name(x), m->other_issuer ? "A CA" : "ACME challenge");
    assert_int_equal(X509_set_pubkey(x, *key), 1);
    for (int i = 0; m->names != NULL && i < (m->names_twice ? 2 : 1); i++)
        alpn_add(x, X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, m->names));
    for (int i = 0; m->digest != NULL && i < (m->twice ? 2 : 1); i++)
        alpn_add_identifier(x, m);
    if (m->is_ca)
        alpn_add(x, X509V3_EXT_conf_nid(NULL, NULL, NID_basic_constraints,
                                        "critical,CA:TRUE"));
    assert_true(X509_sign(x, m->other_key ? other : *key,
                          m->sha1 ? EVP_sha1() : EVP_sha256()) > 0);
    if (m->version_before > 0)
        alpn_sign_version(x, X509_VERSION_3 - m->version_before,
                          m->other_key ? other : *key);
    EVP_PKEY_free(other);
    return x;
}

/* The same in DER; free with OPENSSL_free. */
static inline struct span alpn_make_der(const struct alpn_made *m)
{
    EVP_PKEY *key;
    X509 *x = alpn_make(m, &key);
    uint8_t *der = NULL;
    int len = i2d_X509(x, &der);

    assert_true(len > 0);
    EVP_PKEY_free(key);
    X509_free(x);
    return span_make(der, (size_t)len);
}

static inline void alpn_unmake(struct span der)
{
    void *octets;

    memcpy(&octets, &der.data, sizeof octets);
    OPENSSL_free(octets);
}
