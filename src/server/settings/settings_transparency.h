/* Certificate Transparency: logs (ct_logs.NAME), what profiles want of them, ct.*. */
#pragma once

#include "server/settings/settings.h"

/* A certificate valid for longer needs ct.minimum_long timestamps (Chrome's and Apple's
 * policies, 180 days). */
#define SETTINGS_CT_LONG_SECONDS (180LL * 86400)

/* Read what logs say, then what the profiles say of them. ERR_CONFIG. */
MUST_CHECK enum err settings_transparency_check(struct arena *a, struct settings *s,
                                                struct err_info *why);

/* May a certificate of the profile be sent to that log, as far as the profile says? */
bool settings_transparency_has(const struct settings_profile *profile,
                               const struct settings_log *log);
