/* What there is to deploy: the version of a certificate that is in force, read once. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "client/settings/settings.h"
#include "core/base/arena.h"
#include "core/base/err.h"
#include "core/base/span.h"

/* One key and its certificate. */
struct deploy_part {
    const char *key_type;
    const char *serial;  /* hexadecimal */
    struct span key_pem; /* empty: the key is elsewhere. Wiped with the arena */
    struct span certificate_pem;
    struct span chain_pem;
};

struct deploy_material {
    const char *certificate; /* its name */
    const char *folder;      /* DIR/certificates/NAME/current */
    const char *const *names;
    size_t name_count;
    int64_t not_after;   /* seconds */
    const char *serials; /* of all parts, with commas */
    struct deploy_part parts[SETTINGS_KEYS_MAX];
    size_t count; /* at least 1 */
};

/* Read it. ERR_NOT_FOUND: there is no such certificate; ERR_IO, ERR_MALFORMED. */
MUST_CHECK enum err deploy_material_read(struct arena *a, const char *directory,
                                         const char *certificate,
                                         struct deploy_material *m, struct err_info *why);

/* The serials alone, without a key being read; NULL: there is no certificate. */
const char *deploy_material_serials(struct arena *a, const char *directory,
                                    const char *certificate);
