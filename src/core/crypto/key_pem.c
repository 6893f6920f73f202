/* Private keys in PEM (RFC 7468, RFC 5958, RFC 5915, RFC 8017 A.1.2). Rare, so OpenSSL's
 * decoders do it. */
#include <limits.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/x509.h>

#include "core/base/memory.h"
#include "core/base/random.h"
#include "core/crypto/crypto_error.h"
#include "core/crypto/key_private.h"

#define PBKDF2_ROUNDS    600000 /* of HMAC-SHA-256; OWASP's figure of 2023 */
#define PBKDF2_SALT_SIZE 16     /* octets */

struct asked {
    const struct secret *passphrase;
    bool needed; /* OpenSSL wanted one */
};

/* OpenSSL wants a passphrase; it never asks at the terminal, because this answers. */
static int give_passphrase(char *to, int size, int rwflag, void *argument)
{
    struct asked *a = argument;

    (void)rwflag;
    a->needed = true;
    if (a->passphrase == NULL || size < 0 || a->passphrase->len > (size_t)size)
        return -1;
    if (a->passphrase->len > 0)
        memcpy(to, a->passphrase->data, a->passphrase->len);
    return (int)a->passphrase->len;
}

/* Is it a key of a type that this OpenSSL does not have? Of what is encrypted, only the
 * passphrase's owner could tell. */
static bool is_missing_type(struct span pem, enum key_type *type)
{
    const ASN1_OBJECT *algorithm = NULL;
    BIO *bio = BIO_new_mem_buf(pem.data, (int)pem.len);
    PKCS8_PRIV_KEY_INFO *info =
        bio == NULL ? NULL : PEM_read_bio_PKCS8_PRIV_KEY_INFO(bio, NULL, NULL, NULL);

    bool missing =
        info != NULL && PKCS8_pkey_get0(&algorithm, NULL, NULL, NULL, info) == 1 &&
        key_plain_algorithm(span_make(OBJ_get0_data(algorithm), OBJ_length(algorithm)),
                            type) &&
        !key_type_is_there(*type);
    PKCS8_PRIV_KEY_INFO_free(info);
    BIO_free(bio);
    ERR_clear_error();
    return missing;
}

enum err key_from_pem(struct span pem, const struct secret *passphrase, struct key **k,
                      struct err_info *why)
{
    struct asked asked = {passphrase, false};
    enum key_type type = KEY_ED25519;

    if (pem.len == 0 || pem.len > KEY_PEM_MAX)
        return err_set(why, ERR_CRYPTO, "the key file is empty or larger than %d octets",
                       KEY_PEM_MAX);
    BIO *bio = BIO_new_mem_buf(pem.data, (int)pem.len);
    EVP_PKEY *pkey =
        bio == NULL ? NULL : PEM_read_bio_PrivateKey(bio, NULL, give_passphrase, &asked);
    BIO_free(bio);
    if (pkey != NULL) {
        ERR_clear_error(); /* the decoders leave what they tried in vain */
        return key_wrap_private(pkey, k, why);
    }
    ERR_clear_error();
    if (asked.needed && passphrase == NULL)
        return err_set(why, ERR_CRYPTO, "the key is encrypted; a passphrase is needed");
    if (asked.needed)
        return err_set(why, ERR_CRYPTO, "the passphrase of the key is wrong");
    if (is_missing_type(pem, &type))
        return key_type_check(type, why);
    return err_set(why, ERR_CRYPTO, "there is no readable PEM private key in it");
}

/* PBES2 (RFC 8018 6.2) with a fresh salt; OpenSSL draws the IV. */
static X509_SIG *encrypt(PKCS8_PRIV_KEY_INFO *info, const struct secret *passphrase)
{
    uint8_t salt[PBKDF2_SALT_SIZE];

    random_fill(salt, sizeof salt);
    X509_ALGOR *pbes2 = PKCS5_pbe2_set_iv(EVP_aes_256_cbc(), PBKDF2_ROUNDS, salt,
                                          sizeof salt, NULL, NID_hmacWithSHA256);
    if (pbes2 == NULL)
        return NULL;
    X509_SIG *sealed =
        PKCS8_set0_pbe((const char *)passphrase->data, (int)passphrase->len, info, pbes2);
    if (sealed == NULL)
        X509_ALGOR_free(pbes2);
    return sealed;
}

static bool write_pem(BIO *bio, PKCS8_PRIV_KEY_INFO *info,
                      const struct secret *passphrase)
{
    if (passphrase == NULL)
        return PEM_write_bio_PKCS8_PRIV_KEY_INFO(bio, info) == 1;
    X509_SIG *sealed = encrypt(info, passphrase);
    bool done = sealed != NULL && PEM_write_bio_PKCS8(bio, sealed) == 1;
    X509_SIG_free(sealed);
    return done;
}

enum err key_to_pem(const struct key *k, const struct secret *passphrase,
                    struct secret *pem, struct err_info *why)
{
    char *data = NULL;

    if (!k->is_private)
        return err_set(why, ERR_CRYPTO, "the key has no private half");
    if (key_is_outside(k))
        return err_set(why, ERR_CRYPTO,
                       "the private half of the key does not leave its token");
    if (passphrase != NULL && (passphrase->len == 0 || passphrase->len > INT_MAX))
        return err_set(why, ERR_CRYPTO, "the passphrase is empty");
    BIO *bio = BIO_new(BIO_s_secmem()); /* wiped when freed and when it grows */
    PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(k->pkey);
    bool done = bio != NULL && info != NULL && write_pem(bio, info, passphrase);
    if (done) {
        long len = BIO_get_mem_data(bio, &data);
        *pem = secret_make(span_make(data, (size_t)len));
    }
    PKCS8_PRIV_KEY_INFO_free(info);
    BIO_free(bio);
    if (!done)
        return crypto_error_set(why, ERR_CRYPTO, "the key could not be written");
    return ERR_OK;
}
