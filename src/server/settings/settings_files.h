/* Whether the files that the configuration names are there. */
#pragma once

#include "server/settings/settings.h"

/* Look for each certificate, key, chain and list that the settings name; for their being
 * there only, so that who may not read a key may ask, too. Paths are made in the arena.
 * ERR_CONFIG with the option and the path of the first that is missing. */
MUST_CHECK enum err settings_files_check(struct arena *a, const struct settings *settings,
                                         struct err_info *why);

/* The file of the request for a certificate: "intermediate.csr" for "intermediate.pem".
 * In the arena. */
const char *settings_files_request(struct arena *a, const char *certificate);
