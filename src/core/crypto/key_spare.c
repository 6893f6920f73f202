/* Public keys on curves that are over. Copying a key without a point and making its
 * context ready takes OpenSSL longer than putting another point in its place, and a CA
 * reads two keys for each certificate. */
#include <pthread.h>

#include "core/crypto/key_private.h"

#define SPARE_MAX 16 /* of each curve */

static struct {
    size_t count;
    EVP_PKEY *pkeys[SPARE_MAX];
    EVP_PKEY_CTX *verifiers[SPARE_MAX];
} spares[KEY_RSA]; /* by type; the curves come first */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static bool is_curve(enum key_type type)
{
    return type == KEY_P256 || type == KEY_P384 || type == KEY_P521;
}

bool key_spare_give(enum key_type type, EVP_PKEY *pkey, EVP_PKEY_CTX *verifier)
{
    if (!is_curve(type) || pkey == NULL || verifier == NULL)
        return false;
    (void)pthread_mutex_lock(&lock);
    size_t at = spares[type].count;
    bool kept = at < SPARE_MAX;
    if (kept) {
        spares[type].pkeys[at] = pkey;
        spares[type].verifiers[at] = verifier;
        spares[type].count++;
    }
    (void)pthread_mutex_unlock(&lock);
    return kept;
}

void key_spare_take(enum key_type type, EVP_PKEY **pkey, EVP_PKEY_CTX **verifier)
{
    *pkey = NULL;
    *verifier = NULL;
    if (!is_curve(type))
        return;
    (void)pthread_mutex_lock(&lock);
    if (spares[type].count > 0) {
        size_t at = --spares[type].count;
        *pkey = spares[type].pkeys[at];
        *verifier = spares[type].verifiers[at];
    }
    (void)pthread_mutex_unlock(&lock);
}
