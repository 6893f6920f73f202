/* Which key accounts get, as settings say it. */
#pragma once

#include "client/settings/settings.h"

/* Is account_key of a CA a type of keys that accounts can have, or does it name a device,
 * as far as can be seen without it; and does what belongs to it fit? ERR_CONFIG with a
 * sentence that begins with the option. */
MUST_CHECK enum err settings_account_key_check(struct arena *a,
                                               const struct settings_ca *ca,
                                               struct err_info *why);
