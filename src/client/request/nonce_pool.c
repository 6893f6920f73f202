/* Nonces that are left. */
#include "client/request/nonce_pool.h"

#include <stdbool.h>
#include <string.h>

static bool is_nonce(const char *text)
{
    size_t len = text != NULL ? strnlen(text, NONCE_OCTETS_MAX + 1) : 0;

    return len > 0 && len <= NONCE_OCTETS_MAX &&
           strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                        "-_") == len;
}

void nonce_pool_add(struct nonce_pool *p, const char *nonce)
{
    if (!is_nonce(nonce))
        return;
    if (p->count == NONCE_POOL_MAX) {
        memmove(p->nonces[0], p->nonces[1], sizeof p->nonces - sizeof p->nonces[0]);
        p->count--;
    }
    memcpy(p->nonces[p->count++], nonce, strlen(nonce) + 1);
}

const char *nonce_pool_take(struct nonce_pool *p)
{
    return p->count > 0 ? p->nonces[--p->count] : NULL;
}

void nonce_pool_clear(struct nonce_pool *p)
{
    p->count = 0;
}
