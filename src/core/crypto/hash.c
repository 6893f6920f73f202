/* Hashes and MACs through OpenSSL, algorithms fetched once. */
#include "core/crypto/hash.h"

#include <assert.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <pthread.h>

#include "core/crypto/digest.h"

static pthread_once_t once = PTHREAD_ONCE_INIT;
static EVP_MAC_CTX
    *hmac_template; /* set to SHA-256, without a key; copied for each use */

static void make_template(void)
{
    char digest[] = "SHA2-256";
    OSSL_PARAM settings[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end(),
    };
    EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);

    hmac_template = EVP_MAC_CTX_new(hmac);
    EVP_MAC_free(hmac);
    int done = EVP_MAC_CTX_set_params(hmac_template, settings);
    assert(done == 1);
    (void)done;
}

void hash_sha256(struct span s, uint8_t *digest)
{
    uint8_t made[DIGEST_MAX_SIZE];

    (void)digest_make(DIGEST_SHA256, s, made);
    memcpy(digest, made, HASH_SHA256_SIZE);
}

void hash_hmac_sha256(struct span key, struct span s, uint8_t *mac)
{
    static const uint8_t empty[1]; /* OpenSSL takes a NULL key for "keep the old one" */
    size_t len = 0;

    (void)pthread_once(&once, make_template);
    EVP_MAC_CTX *ctx = EVP_MAC_CTX_dup(hmac_template);
    int done = EVP_MAC_init(ctx, key.len > 0 ? key.data : empty, key.len, NULL) == 1 &&
               EVP_MAC_update(ctx, s.data, s.len) == 1 &&
               EVP_MAC_final(ctx, mac, &len, HASH_SHA256_SIZE) == 1;
    EVP_MAC_CTX_free(ctx);
    assert(done && len == HASH_SHA256_SIZE);
    (void)done;
}
