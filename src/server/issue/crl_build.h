/* A revocation list (RFC 5280 5) in the making: entries are taken from the store a few at
 * a time, into a file in memory that is sealed before the signer reads it. With the
 * signature it is whole in the same pages; nothing is copied, and nothing has the size of
 * the list but the list.
 *
 *     begin -> step, step ... until over -> seal -> (the signer) -> finish -> take */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/arena.h"
#include "core/base/err.h"
#include "core/crypto/hash.h"
#include "core/x509/crl.h"
#include "server/store/store_crl.h"

#define CRL_BUILD_STEP 1000              /* entries read from the store at once */
#define CRL_BUILD_MAX  (size_t)(1 << 30) /* octets of a list */

/* A whole list. It is mapped memory, to be given back with crl_image_free. */
struct crl_image {
    struct span der;
    void *map;
    size_t map_size;
};

struct crl_build {
    struct arena *arena;  /* of this list */
    struct crl_head head; /* texts and spans in the arena, or longer */
    int64_t shard;
    int64_t gone_before; /* seconds: who expired before is left out */
    int64_t now;         /* seconds: nothing is revoked later */
    struct store_crl_place place;
    bool over; /* all entries are there */
    int64_t entries;
    int fd;                /* -1: none */
    size_t offset, length; /* of the to-be-signed octets in the file, when it is sealed */
    size_t size;           /* of the file */
    struct crl_image image;         /* when it is finished */
    uint8_t hash[HASH_SHA256_SIZE]; /* of its DER */
};

/* Begin a list: head, shard, gone_before and now are set, and what they point to stays.
 * ERR_IO.
 */
MUST_CHECK enum err crl_build_begin(struct crl_build *b, struct err_info *why);

/* The next entries; `over` when there are no more. ERR_STORE, ERR_IO, ERR_TOO_LARGE. */
MUST_CHECK enum err crl_build_step(struct crl_build *b, struct store_session *session,
                                   struct err_info *why);

/* Close what is to be signed; nobody can change it any more. */
MUST_CHECK enum err crl_build_seal(struct crl_build *b, struct err_info *why);

/* Put the signature there, and check it with the issuer's key. ERR_CRYPTO if it is not
 * good. */
MUST_CHECK enum err crl_build_finish(struct crl_build *b, struct span signature,
                                     const struct key *issuer, struct err_info *why);

/* The finished list, which is the caller's from now on. */
struct crl_image crl_build_take(struct crl_build *b);

/* Let everything go but the arena; a list that was never begun (all zero, fd -1) too. */
void crl_build_end(struct crl_build *b);

/* Memory for `size` octets of a list that is read from elsewhere into `map`. ERR_IO. */
MUST_CHECK enum err crl_image_make(size_t size, struct crl_image *image,
                                   struct err_info *why);

/* Give the memory back. */
void crl_image_free(struct crl_image *image);
