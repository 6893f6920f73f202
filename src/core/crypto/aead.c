/* AES-256-GCM with contexts that keep their key schedule. */
#include "core/crypto/aead.h"

#include <assert.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>

#include "core/base/memory.h"

/* A context serves one thread at a time. Contexts not in use wait in a list, so that
 * there are never more than threads that worked at once, and all are freed with the key.
 */
struct idle {
    struct idle *next;
    EVP_CIPHER_CTX *ctx;
};

struct aead {
    pthread_mutex_t lock;
    struct idle *idle; /* under lock */
    EVP_CIPHER *cipher;
    uint8_t key[AEAD_KEY_SIZE];
};

struct aead *aead_new(const uint8_t *key)
{
    struct aead *k = memory_get_zeroed(1, sizeof *k);

    (void)pthread_mutex_init(&k->lock, NULL);
    k->cipher = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
    assert(k->cipher != NULL);
    memcpy(k->key, key, sizeof k->key);
    return k;
}

void aead_free(struct aead *k)
{
    if (k == NULL)
        return;
    while (k->idle != NULL) {
        struct idle *next = k->idle->next;
        EVP_CIPHER_CTX_free(k->idle->ctx);
        free(k->idle);
        k->idle = next;
    }
    EVP_CIPHER_free(k->cipher);
    (void)pthread_mutex_destroy(&k->lock);
    memory_wipe(k, sizeof *k);
    free(k);
}

static struct idle *take(struct aead *k)
{
    (void)pthread_mutex_lock(&k->lock);
    struct idle *i = k->idle;
    if (i != NULL)
        k->idle = i->next;
    (void)pthread_mutex_unlock(&k->lock);
    if (i != NULL)
        return i;
    i = memory_get_zeroed(1, sizeof *i);
    i->ctx = EVP_CIPHER_CTX_new();
    int done = EVP_CipherInit_ex2(i->ctx, k->cipher, k->key, NULL, 1, NULL);
    assert(done == 1);
    (void)done;
    return i;
}

static void give_back(struct aead *k, struct idle *i)
{
    (void)pthread_mutex_lock(&k->lock);
    i->next = k->idle;
    k->idle = i;
    (void)pthread_mutex_unlock(&k->lock);
}

/* Begin with `iv` and the associated data; the key is in the context already. */
static bool begin(EVP_CIPHER_CTX *ctx, int encrypt, const uint8_t *iv,
                  struct span associated)
{
    int len = 0;

    assert(associated.len <= INT_MAX);
    return EVP_CipherInit_ex2(ctx, NULL, NULL, iv, encrypt, NULL) == 1 &&
           (associated.len == 0 ||
            EVP_CipherUpdate(ctx, NULL, &len, associated.data, (int)associated.len) == 1);
}

void aead_seal(struct aead *k, const uint8_t *iv, struct span associated,
               struct span plain, uint8_t *sealed)
{
    struct idle *i = take(k);
    int len = 0;
    int rest = 0;

    assert(plain.len <= INT_MAX - AEAD_TAG_SIZE);
    bool done = begin(i->ctx, 1, iv, associated) &&
                (plain.len == 0 || EVP_CipherUpdate(i->ctx, sealed, &len, plain.data,
                                                    (int)plain.len) == 1) &&
                EVP_CipherFinal_ex(i->ctx, sealed + len, &rest) == 1 &&
                EVP_CIPHER_CTX_ctrl(i->ctx, EVP_CTRL_AEAD_GET_TAG, AEAD_TAG_SIZE,
                                    sealed + plain.len) == 1;
    assert(done && (size_t)len == plain.len);
    (void)done;
    give_back(k, i);
}

bool aead_open(struct aead *k, const uint8_t *iv, struct span associated,
               struct span sealed, uint8_t *plain)
{
    uint8_t tag[AEAD_TAG_SIZE];
    uint8_t nothing[1];
    int len = 0;

    if (sealed.len < AEAD_TAG_SIZE || sealed.len > INT_MAX)
        return false;
    size_t plain_len = sealed.len - AEAD_TAG_SIZE;
    memcpy(tag, sealed.data + plain_len, sizeof tag);
    struct idle *i = take(k);
    bool good =
        begin(i->ctx, 0, iv, associated) &&
        (plain_len == 0 ||
         EVP_CipherUpdate(i->ctx, plain, &len, sealed.data, (int)plain_len) == 1) &&
        EVP_CIPHER_CTX_ctrl(i->ctx, EVP_CTRL_AEAD_SET_TAG, AEAD_TAG_SIZE, tag) == 1 &&
        EVP_CipherFinal_ex(i->ctx, nothing, &len) == 1;
    give_back(k, i);
    if (!good) {
        ERR_clear_error();
        memory_wipe(plain, plain_len); /* nobody may use what was not authentic */
    }
    return good;
}
