/* Hashes and MACs through OpenSSL, algorithms fetched once. */
#include "core/crypto/hash.h"

#include <assert.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <pthread.h>

#include "core/crypto/digest.h"

static pthread_once_t once = PTHREAD_ONCE_INIT;
/* Set to their hash, without a key; copied for each use. */
static EVP_MAC_CTX *hmac_templates[HASH_KIND_COUNT];

static void make_templates(void)
{
    char names[HASH_KIND_COUNT][12] = {
        [HASH_SHA256] = "SHA2-256", [HASH_SHA384] = "SHA2-384",
        [HASH_SHA512] = "SHA2-512", [HASH_SHA1] = "SHA1",
        [HASH_SHA224] = "SHA2-224",
    };
    EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);

    for (size_t i = 0; i < HASH_KIND_COUNT; i++) {
        OSSL_PARAM settings[] = {
            OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, names[i], 0),
            OSSL_PARAM_construct_end(),
        };
        hmac_templates[i] = EVP_MAC_CTX_new(hmac);
        int done = EVP_MAC_CTX_set_params(hmac_templates[i], settings);
        assert(done == 1);
        (void)done;
    }
    EVP_MAC_free(hmac);
}

void hash_sha256(struct span s, uint8_t *digest)
{
    uint8_t made[DIGEST_MAX_SIZE];

    (void)digest_make(DIGEST_SHA256, s, made);
    memcpy(digest, made, HASH_SHA256_SIZE);
}

size_t hash_make(enum hash_kind kind, struct span s, uint8_t *digest)
{
    static const enum digest digests[HASH_KIND_COUNT] = {[HASH_SHA256] = DIGEST_SHA256,
                                                         [HASH_SHA384] = DIGEST_SHA384,
                                                         [HASH_SHA512] = DIGEST_SHA512,
                                                         [HASH_SHA1] = DIGEST_SHA1};

    assert(kind != HASH_SHA224 && kind < HASH_KIND_COUNT);
    return digest_make(digests[kind], s, digest);
}

size_t hash_hmac(enum hash_kind kind, struct span key, struct span s, uint8_t *mac)
{
    static const uint8_t empty[1]; /* OpenSSL takes a NULL key for "keep the old one" */
    size_t len = 0;

    (void)pthread_once(&once, make_templates);
    EVP_MAC_CTX *ctx = EVP_MAC_CTX_dup(hmac_templates[kind]);
    int done = EVP_MAC_init(ctx, key.len > 0 ? key.data : empty, key.len, NULL) == 1 &&
               EVP_MAC_update(ctx, s.data, s.len) == 1 &&
               EVP_MAC_final(ctx, mac, &len, HASH_MAX_SIZE) == 1;
    EVP_MAC_CTX_free(ctx);
    assert(done && len > 0);
    (void)done;
    return len;
}

void hash_hmac_sha256(struct span key, struct span s, uint8_t *mac)
{
    uint8_t made[HASH_MAX_SIZE];

    (void)hash_hmac(HASH_SHA256, key, s, made);
    memcpy(mac, made, HASH_SHA256_SIZE);
}
