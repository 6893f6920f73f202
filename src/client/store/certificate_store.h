/* Certificates on disk: each in a folder of its own, switched from one version to the
 * next by a single rename, so that a reader sees the old files or the new ones. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/store/ways.h"
#include "core/base/arena.h"
#include "core/base/err.h"
#include "core/base/secret.h"

#define CERTIFICATE_STORE_MAX      100000 /* certificates in one folder */
#define CERTIFICATE_STORE_NAME_MAX 200    /* octets of a name */
#define CERTIFICATE_STORE_VERSIONS 5      /* kept of each */

/* What is known of a certificate: how it was made, so that it can be made again. */
struct certificate_metadata {
    const char *const *names;
    size_t name_count;
    const char *ca;       /* directory URL */
    const char *ca_file;  /* "" for the system's */
    const char *key_type; /* "p256" ... */
    struct ways ways;
    int64_t not_before; /* seconds */
    int64_t not_after;
    const char *serial; /* hexadecimal */
};

/* What a new version consists of. */
struct certificate_files {
    struct span key_pem;
    struct span certificate_pem;
    struct span chain_pem;
};

/* Is it a name for a certificate's folder: 1 to 200 of A-Z a-z 0-9 . _ - not beginning
 * with a dot? */
bool certificate_store_is_name(const char *name);

/* Is it one of those? */
bool certificate_store_is_name_letter(char c);

/* Write a new version and switch to it; older ones beyond CERTIFICATE_STORE_VERSIONS are
 * removed. `*path` is the folder that always shows the newest
 * (DIR/certificates/NAME/current). ERR_IO: the old version is still in force. */
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

/* Folder that shows the certificate in force. */
char *certificate_store_path(struct arena *a, const char *directory, const char *name);

/* The names of all certificates, sorted. */
MUST_CHECK enum err certificate_store_list(struct arena *a, const char *directory,
                                           const char *const **names, size_t *count,
                                           struct err_info *why);
