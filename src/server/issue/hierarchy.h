/* A new CA: root and intermediate, made together. */
#pragma once

#include "core/base/arena.h"
#include "core/base/err.h"
#include "core/base/secret.h"

#define HIERARCHY_ROOT_YEARS         10
#define HIERARCHY_INTERMEDIATE_YEARS 5

struct hierarchy {
    struct span root_pem;
    struct span intermediate_pem;
    struct secret root_key_pem; /* to be freed with hierarchy_free */
    struct secret intermediate_key_pem;
    int64_t root_not_after; /* seconds */
    int64_t intermediate_not_after;
    const char *root_fingerprint; /* SHA-256 of the DER, hexadecimal */
};

/* Make a root (ECDSA P-384) and an intermediate (ECDSA P-256) named after `name`,
 * beginning at `now`; the keys are encrypted if there is a passphrase. ERR_CRYPTO. */
MUST_CHECK enum err hierarchy_make(struct arena *a, const char *name, int64_t now,
                                   const struct secret *passphrase,
                                   struct hierarchy *made, struct err_info *why);

/* Wipe the keys. */
void hierarchy_free(struct hierarchy *h);

static inline void hierarchy_auto(struct hierarchy *h)
{
    hierarchy_free(h);
}
