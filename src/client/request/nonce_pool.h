/* Nonces that a CA has given and nobody has used yet (RFC 8555 6.5). */
#pragma once

#include <stddef.h>

#define NONCE_POOL_MAX   8
#define NONCE_OCTETS_MAX 1024 /* of one nonce */

/* Zeroed it is empty. */
struct nonce_pool {
    char nonces[NONCE_POOL_MAX][NONCE_OCTETS_MAX + 1];
    size_t count;
};

/* Keep one: copied. NULL and what is no base64url (which RFC 8555 6.5.1 has ignored), or
 * too long, is passed over. When there is no room, the oldest one goes. */
void nonce_pool_add(struct nonce_pool *p, const char *nonce);

/* Take the youngest one, which the CA has had the least time to forget; NULL if there is
 * none. Good until the next call with this pool. */
const char *nonce_pool_take(struct nonce_pool *p);

/* Forget all: the CA has refused one, so those of the same age are no better. */
void nonce_pool_clear(struct nonce_pool *p);
