/* Hashes and MACs through OpenSSL, algorithms fetched once. */
#include "core/crypto/hash.h"

#include <assert.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <string.h>

#include "core/crypto/digest.h"

#define HMAC_BLOCK_MAX 128 /* octets: SHA-384, SHA-512 */

static pthread_once_t once = PTHREAD_ONCE_INIT;
static EVP_MD *hashes[HASH_KIND_COUNT];

static void fetch_all(void)
{
    static const char *const names[HASH_KIND_COUNT] = {
        [HASH_SHA256] = "SHA2-256", [HASH_SHA384] = "SHA2-384",
        [HASH_SHA512] = "SHA2-512", [HASH_SHA1] = "SHA1",
        [HASH_SHA224] = "SHA2-224",
    };

    for (size_t i = 0; i < HASH_KIND_COUNT; i++)
        hashes[i] = EVP_MD_fetch(NULL, names[i], NULL);
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

/* A key of one block with its octets turned: RFC 2104 2. */
struct pad {
    uint8_t octets[HMAC_BLOCK_MAX];
    size_t len;
};

static void turn(struct pad *to, const struct pad *key, uint8_t by)
{
    to->len = key->len;
    for (size_t i = 0; i < key->len; i++)
        to->octets[i] = key->octets[i] ^ by;
}

static bool hash_two(EVP_MD_CTX *ctx, const EVP_MD *md, const struct pad *pad,
                     struct span s, uint8_t *to, unsigned int *len)
{
    return EVP_DigestInit_ex2(ctx, md, NULL) == 1 &&
           EVP_DigestUpdate(ctx, pad->octets, pad->len) == 1 &&
           EVP_DigestUpdate(ctx, s.data, s.len) == 1 &&
           EVP_DigestFinal_ex(ctx, to, len) == 1;
}

/* Two hashes in one context. OpenSSL's EVP_MAC keeps three, and copies each: that took
 * three times as long, and there are ten in an issuance. */
size_t hash_hmac(enum hash_kind kind, struct span key, struct span s, uint8_t *mac)
{
    struct pad block = {{0}, 0};
    struct pad inner;
    struct pad outer;
    uint8_t made[EVP_MAX_MD_SIZE];
    unsigned int len = 0;
    bool done = true;

    (void)pthread_once(&once, fetch_all);
    const EVP_MD *md = hashes[kind];
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    assert(md != NULL && ctx != NULL);
    block.len = (size_t)EVP_MD_get_block_size(md);
    assert(block.len <= HMAC_BLOCK_MAX);
    if (key.len > block.len)
        done = EVP_Digest(key.data, key.len, block.octets, &len, md, NULL) == 1;
    else if (key.len > 0)
        memcpy(block.octets, key.data, key.len);
    turn(&inner, &block, 0x36);
    turn(&outer, &block, 0x5c);
    done = done && hash_two(ctx, md, &inner, s, made, &len) &&
           hash_two(ctx, md, &outer, span_make(made, len), mac, &len);
    EVP_MD_CTX_free(ctx);
    OPENSSL_cleanse(&block, sizeof block);
    OPENSSL_cleanse(&inner, sizeof inner);
    OPENSSL_cleanse(&outer, sizeof outer);
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
