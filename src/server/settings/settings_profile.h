/* Inside settings: what a profile says, and what it comes to. */
#pragma once

#include "server/settings/settings.h"

/* Check a profile and fill in what it comes to. ERR_CONFIG as "OPTION: what is wrong". */
MUST_CHECK enum err settings_profile_check(struct arena *a, const struct settings *s,
                                           struct settings_profile *profile,
                                           struct err_info *why);

/* Types of challenges, or of identifiers, in a list as bits; for an empty one all that
 * are no drafts, or name no device. ERR_CONFIG. */
MUST_CHECK enum err settings_profile_types(const struct config_list *list,
                                           bool challenges, const char *option,
                                           unsigned int *bits, struct err_info *why);

/* Is one of these bits a type that names a device? */
bool settings_profile_has_devices(unsigned int identifier_types);

/* Which devices: any, or known. ERR_CONFIG. */
MUST_CHECK enum err settings_profile_devices(const char *word, bool *known,
                                             struct err_info *why);

/* Does what a profile comes to go together (profile_rules.def)? ERR_CONFIG. */
MUST_CHECK enum err settings_profile_rules(const struct settings *s,
                                           const struct settings_profile *profile,
                                           struct err_info *why);

/* Does the profile keep what depends on the day (Baseline Requirements 6.3.2)?
 * ERR_CONFIG. */
MUST_CHECK enum err settings_profile_now(const struct settings_profile *profile,
                                         int64_t now, struct err_info *why);

/* What the Baseline Requirements advise against in the profile, "profiles.NAME: OPTION:
 * ..."; in the arena, `*count` of them. */
const char *const *settings_profile_notes(struct arena *a, const struct settings *s,
                                          const struct settings_profile *profile,
                                          int64_t now, size_t *count);
