/* Who signs what: the options issuer and issuers of profiles and directories. */
#pragma once

#include "core/config/config.h"
#include "server/settings/settings.h"

/* Check both options and read the rows of `issuers`. ERR_CONFIG. */
MUST_CHECK enum err
settings_issuers_read(struct arena *a, const struct settings *settings,
                      const char *issuer, const struct config_list *issuers,
                      const char *by_key[SETTINGS_KEY_CLASSES], struct err_info *why);

/* The name of the issuer for keys of that class: what the profile (NULL: none) says for
 * the class, then for all, then the directory the same way; "" is the one of files.*. */
const char *settings_issuers_name(const struct settings_directory *directory,
                                  const struct settings_profile *profile,
                                  enum settings_key_class class);
