/* Octets that must not be left behind or printed. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/span.h"

struct secret {
    uint8_t *data; /* owned, wiped by secret_free */
    size_t len;
};

/* A copy of `s` as a secret. */
struct secret secret_make(struct span s);

/* Wipe and free; the secret is then empty. */
void secret_free(struct secret *s);

/* Equal, in time that depends on the lengths only? */
bool secret_equal(struct span a, struct span b);

/* No core dump, no ptrace by others of the same user, from here on (prctl
 * PR_SET_DUMPABLE). */
void secret_protect_process(void);

static inline void secret_auto(struct secret *s)
{
    secret_free(s);
}
