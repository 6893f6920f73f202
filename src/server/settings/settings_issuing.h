/* Inside settings: profiles beside the certificates that issue by them. */
#pragma once

#include "server/settings/settings.h"

/* Can what each profile says be had of the issuers of the directories that offer it? An
 * issuing certificate that cannot be read is passed over. ERR_CONFIG as "profiles.NAME:
 * OPTION: what is wrong". */
MUST_CHECK enum err settings_issuing_check(struct arena *a, const struct settings *s,
                                           struct err_info *why);

/* Which profiles ask for more than what is left of an issuer's time; sentences in the
 * arena, `*count` of them. */
const char *const *settings_issuing_notes(struct arena *a, const struct settings *s,
                                          int64_t now, size_t *count);
