/* A root and an intermediate for tests, with their keys. */
#pragma once

#include "core/base/secret.h"
#include "server/issue/hierarchy.h"

struct hierarchy {
    struct span root_pem;
    struct span intermediate_pem;
    struct secret root_key_pem;
    struct secret intermediate_key_pem;
};

/* Make a root (ECDSA P-384) and an intermediate (ECDSA P-256) named after `name`,
 * beginning at `now`; the keys are encrypted if there is a passphrase. */
MUST_CHECK enum err hierarchy_make(struct arena *a, const char *name, int64_t now,
                                   const struct secret *passphrase,
                                   struct hierarchy *made, struct err_info *why);

/* Wipe the keys. */
void hierarchy_free(struct hierarchy *h);

static inline void hierarchy_auto(struct hierarchy *h)
{
    hierarchy_free(h);
}
