/* Inside settings: what the file names itself. */
#pragma once

#include "server/settings/settings.h"

/* The tables of profiles, directories, issuers, perspectives and logs, for core/config.
 */
enum settings_family {
    SETTINGS_FAMILY_PROFILES,
    SETTINGS_FAMILY_DIRECTORIES,
    SETTINGS_FAMILY_ISSUERS,
    SETTINGS_FAMILY_PERSPECTIVES,
    SETTINGS_FAMILY_LOGS,
    SETTINGS_FAMILIES,
};
extern const struct config_family settings_families[SETTINGS_FAMILIES];

/* Put in the profiles and the directory that are there when the file says nothing. */
MUST_CHECK enum err settings_family_defaults(struct arena *a,
                                             const struct config_table *table,
                                             struct settings *s, struct err_info *why);

/* Check them and what they say of each other, and fill in what that comes to. ERR_CONFIG.
 */
MUST_CHECK enum err settings_family_check(struct arena *a, struct settings *s,
                                          struct err_info *why);
