/* Where the CA publishes revocation lists and issuer certificates. */
#pragma once

#include "server/settings/settings.h"

#define SETTINGS_FORMER_URLS_MAX 8
#define SETTINGS_PUBLISH_URL_MAX 256 /* octets */

/* Check what publish.* and crl.* say, and set `publish_base`. ERR_CONFIG. */
MUST_CHECK enum err settings_publish_check(struct arena *a, struct settings *s,
                                           struct err_info *why);
