/* OpenSSL's hash algorithms, fetched once per process. */
#include "core/crypto/digest.h"

#include <assert.h>
#include <pthread.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;
static EVP_MD *algorithms[DIGEST_COUNT];

static void fetch_all(void)
{
    static const char *const names[DIGEST_COUNT] = {
        [DIGEST_SHA1] = "SHA1",
        [DIGEST_SHA256] = "SHA2-256",
        [DIGEST_SHA384] = "SHA2-384",
        [DIGEST_SHA512] = "SHA2-512",
    };

    for (unsigned int i = 0; i < DIGEST_COUNT; i++)
        algorithms[i] = EVP_MD_fetch(NULL, names[i], NULL);
}

const EVP_MD *digest_algorithm(enum digest which)
{
    (void)pthread_once(&once, fetch_all);
    assert(algorithms[which] != NULL); /* an OpenSSL without SHA-2 is of no use to us */
    return algorithms[which];
}

size_t digest_make(enum digest which, struct span s, uint8_t *to)
{
    unsigned int size = 0;
    int done = EVP_Digest(s.data, s.len, to, &size, digest_algorithm(which), NULL);

    assert(done == 1);
    (void)done;
    return size;
}
