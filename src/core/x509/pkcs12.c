/* PKCS #12, by OpenSSL. */
#include "core/x509/pkcs12.h"

#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/x509.h>

#include "core/base/memory.h"
#include "core/crypto/crypto_error.h"
#include "core/x509/certificate.h"

/* Rounds of PBKDF2, and of the MAC's own way to a key (RFC 7292 B.2). Passwords of such
 * files are often known to every Java program; more would only slow down its start. */
#define ROUNDS 100000

struct parts {
    EVP_PKEY *key;
    X509 *leaf;
    STACK_OF(X509) * rest;
};

static void parts_auto(struct parts *p)
{
    EVP_PKEY_free(p->key);
    X509_free(p->leaf);
    sk_X509_pop_free(p->rest, X509_free);
}

/* Nobody is asked for a passphrase at a terminal. */
static int no_passphrase(char *to, int size, int rwflag, void *argument)
{
    (void)to;
    (void)size;
    (void)rwflag;
    (void)argument;
    return -1;
}

static enum err read_key(struct span pem, EVP_PKEY **key, struct err_info *why)
{
    BIO *bio = pem.len > 0 && pem.len <= KEY_PEM_MAX
                   ? BIO_new_mem_buf(pem.data, (int)pem.len)
                   : NULL;

    *key = bio == NULL ? NULL : PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);
    BIO_free(bio);
    if (*key == NULL)
        return crypto_error_set(why, ERR_CRYPTO,
                                "the key cannot be put into a PKCS #12 file");
    return ERR_OK;
}

static enum err read_chain(struct arena *a, struct span pem, struct parts *p,
                           struct err_info *why)
{
    struct span ders[CERTIFICATE_CHAIN_MAX];
    size_t count = 0;

    TRY(certificate_from_pem(a, pem, ders, CERTIFICATE_CHAIN_MAX, &count, why));
    p->rest = sk_X509_new_null();
    for (size_t i = 0; i < count && p->rest != NULL; i++) {
        const unsigned char *at = ders[i].data;
        X509 *x = d2i_X509(NULL, &at, (long)ders[i].len);
        if (x == NULL)
            return crypto_error_set(why, ERR_MALFORMED, "certificate %zu is none", i + 1);
        if (i == 0) {
            p->leaf = x;
        } else if (sk_X509_push(p->rest, x) == 0) {
            X509_free(x);
            return crypto_error_set(why, ERR_CRYPTO, "the chain cannot be kept");
        }
    }
    if (p->rest == NULL)
        return crypto_error_set(why, ERR_CRYPTO, "the chain cannot be kept");
    return ERR_OK;
}

static enum err add_der(struct buf *b, PKCS12 *made, struct err_info *why)
{
    unsigned char *der = NULL;
    int len = i2d_PKCS12(made, &der);

    if (len <= 0)
        return crypto_error_set(why, ERR_CRYPTO, "a PKCS #12 file cannot be written");
    buf_add(b, der, (size_t)len);
    memory_wipe(der, (size_t)len);
    OPENSSL_free(der);
    return b->failed ? err_set(why, ERR_TOO_LARGE, "the PKCS #12 file is too large")
                     : ERR_OK;
}

enum err pkcs12_write(struct buf *b, const struct pkcs12_content *content,
                      struct err_info *why)
{
    AUTO(arena) struct arena *a = arena_new();
    AUTO(parts) struct parts p = {0};

    TRY(read_key(content->key_pem, &p.key, why));
    TRY(read_chain(a, content->chain_pem, &p, why));
    if (X509_check_private_key(p.leaf, p.key) != 1)
        return crypto_error_set(why, ERR_CRYPTO,
                                "the key is not that of the certificate");
    PKCS12 *made = PKCS12_create(content->password, content->name, p.key, p.leaf, p.rest,
                                 NID_aes_256_cbc, NID_aes_256_cbc, ROUNDS, -1, 0);
    enum err result = ERR_OK;
    if (made == NULL ||
        PKCS12_set_mac(made, content->password, -1, NULL, 0, ROUNDS, EVP_sha256()) != 1)
        result = crypto_error_set(why, ERR_CRYPTO, "a PKCS #12 file cannot be made");
    else
        result = add_der(b, made, why);
    PKCS12_free(made);
    return result;
}
