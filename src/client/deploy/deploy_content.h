/* What the files of a deployment consist of, as its options say. */
#pragma once

#include "client/deploy/deploy_files.h"
#include "client/deploy/deploy_material.h"
#include "client/settings/settings.h"

struct deploy_content {
    struct deploy_file files[DEPLOY_FILES_MAX];
    size_t count;
    struct buf pkcs12[SETTINGS_KEYS_MAX]; /* wiped by deploy_content_free */
    size_t pkcs12_count;
};

/* Make it; `a` and `m` must stay. ERR_CONFIG: the options do not fit the certificate: a
 * key that it does not have, or that does not leave its device; a password file that
 * others can read. ERR_IO, ERR_CRYPTO. */
MUST_CHECK enum err deploy_content_make(struct arena *a,
                                        const struct settings_deployment *d,
                                        const struct deploy_material *m,
                                        struct deploy_content *content,
                                        struct err_info *why);

/* Wipe and free. */
void deploy_content_free(struct deploy_content *content);
static inline void deploy_content_auto(struct deploy_content *content)
{
    deploy_content_free(content);
}

/* A digest of all options of a deployment: another one is another deployment. */
const char *deploy_content_digest(struct arena *a, const struct settings_deployment *d);

/* Are its paths absolute, are there such users and groups, and is the mode one? Asked
 * before anything is done. ERR_CONFIG. */
MUST_CHECK enum err deploy_content_check(const struct settings_deployment *d,
                                         struct err_info *why);

/* A file that is to be written, of the key of that type. */
struct deploy_content_place {
    const char *option;
    const char *path;
    const char *key_type;
};

/* What is written for a certificate with keys of these types: how many, and which. */
size_t deploy_content_list(struct arena *a, const struct settings_deployment *d,
                           const struct config_list *key_types,
                           struct deploy_content_place places[static DEPLOY_FILES_MAX]);

/* Is there a file for each key of the certificate? */
bool deploy_content_has_all(const struct settings_deployment *d);

/* The path for a key of that type, which stands in the place of a word for it, if there
 * is one. */
const char *deploy_content_path(struct arena *a, const char *path, const char *key_type);

/* Look its owner and group up now: later the services that know them may be out of reach.
 */
void deploy_content_remember_owner(const struct settings_deployment *d);
