/* The versions of a certificate that are kept: which there are, going back to one, and
 * the end of all of them. The lock of the certificate must be held by whoever changes
 * something. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "client/store/certificate_store.h"
#include "core/base/arena.h"
#include "core/base/err.h"

struct certificate_versions {
    const uint64_t *numbers; /* of those that are whole, ascending */
    size_t count;
    uint64_t current; /* the one in force */
};

/* Read which there are. ERR_NOT_FOUND: there is no certificate of that name; ERR_IO. */
MUST_CHECK enum err certificate_versions_read(struct arena *a, const char *directory,
                                              const char *name,
                                              struct certificate_versions *versions,
                                              struct err_info *why);

/* The folder of a version, whether it is there or not. */
char *certificate_versions_path(struct arena *a, const char *directory, const char *name,
                                uint64_t number);

/* Put another version that is whole in force, by one rename, as certificate_store_put
 * does: certificate and key change together. ERR_NOT_FOUND: there is no such version;
 * ERR_IO: nothing is changed. */
MUST_CHECK enum err certificate_versions_switch(struct arena *a, const char *directory,
                                                const char *name, uint64_t number,
                                                struct err_info *why);

/* What a version is. ERR_NOT_FOUND, ERR_MALFORMED, ERR_IO. */
MUST_CHECK enum err certificate_versions_get(struct arena *a, const char *directory,
                                             const char *name, uint64_t number,
                                             struct certificate_metadata *metadata,
                                             struct err_info *why);

/* Note that a version was revoked: from then on that is a part of what it is. */
MUST_CHECK enum err certificate_versions_revoke(struct arena *a, const char *directory,
                                                const char *name, uint64_t number,
                                                struct err_info *why);

/* Remove the certificate with all its versions, keys and what is remembered of it: gone
 * from one moment to the next; what a crash leaves of it on the disk, the next removal
 * takes away. ERR_NOT_FOUND, ERR_IO. */
MUST_CHECK enum err certificate_versions_remove(struct arena *a, const char *directory,
                                                const char *name, struct err_info *why);

/* Remove what a removal of this one that was cut short left on the disk; nothing is fine,
 * and so is one of that name that is there again. ERR_IO. */
MUST_CHECK enum err certificate_versions_finish_removal(struct arena *a,
                                                        const char *directory,
                                                        const char *name,
                                                        struct err_info *why);
