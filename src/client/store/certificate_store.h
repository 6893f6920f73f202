/* Certificates on disk: each in a folder of its own, switched from one version to the
 * next by a single rename, so that a reader sees the old files or the new ones. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/settings/settings.h"
#include "client/store/certificate_asked.h"
#include "core/base/arena.h"
#include "core/base/err.h"
#include "core/base/secret.h"

#define CERTIFICATE_STORE_MAX      100000 /* certificates in one folder */
#define CERTIFICATE_STORE_VERSIONS 5      /* kept of each */

/* One certificate of a version: there is one for each type of key. */
struct certificate_part {
    const char *key_type; /* "p256" ... */
    int64_t not_before;   /* seconds */
    int64_t not_after;
    const char *serial; /* hexadecimal */
    const char *id;     /* of renewal information (RFC 9773 4.1); "" if it has none */
};

/* What a version is: facts, no settings. */
struct certificate_metadata {
    const char *const *names;
    size_t name_count;
    const char *ca;     /* directory URL that issued it; "" if that is not known */
    const char *device; /* that has the key, as settings name it; "": none */
    struct certificate_part parts[SETTINGS_KEYS_MAX];
    size_t part_count; /* at least 1 */
    struct certificate_asked asked;
    bool revoked;       /* by us */
    bool knows_revoked; /* read so; an earlier cairn kept it in renewal.json alone */
};

/* How long it lives, in seconds: that of its parts which lives shortest. */
int64_t certificate_store_lifetime(const struct certificate_metadata *m);

/* The files of one part. */
struct certificate_files {
    struct span key_pem;
    struct span certificate_pem;
    struct span chain_pem;
};

/* Write a new version and switch to it; `files` has as many elements as there are parts.
 * The first part is in key.pem, cert.pem, chain.pem and fullchain.pem, each other one in
 * files whose names have the type of its key and a dot in front. Older versions beyond
 * CERTIFICATE_STORE_VERSIONS are removed. `*path` is the folder that always shows the
 * newest (DIR/certificates/NAME/current). ERR_IO: the old version is still in force. */
MUST_CHECK enum err certificate_store_put(struct arena *a, const char *directory,
                                          const char *name,
                                          const struct certificate_metadata *metadata,
                                          const struct certificate_files *files,
                                          const char **path, struct err_info *why);

/* What is in force for a name. ERR_NOT_FOUND; ERR_MALFORMED if the metadata is damaged.
 */
MUST_CHECK enum err certificate_store_get(struct arena *a, const char *directory,
                                          const char *name,
                                          struct certificate_metadata *metadata,
                                          struct err_info *why);

/* The name of a file ("key.pem") of a part: of the first with key_type "", of others with
 * that type in front. In the arena. */
char *certificate_store_file(struct arena *a, const char *key_type, const char *file);

/* Folder that shows the certificate in force. */
char *certificate_store_path(struct arena *a, const char *directory, const char *name);

/* The names of all certificates, sorted; also of those that cannot be read. */
MUST_CHECK enum err certificate_store_list(struct arena *a, const char *directory,
                                           const char *const **names, size_t *count,
                                           struct err_info *why);
