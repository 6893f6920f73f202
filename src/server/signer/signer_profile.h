/* What the signer's own settings allow: profiles as its lint wants them, so that nothing
 * is signed that no profile allows, whoever asks. */
#pragma once

#include "core/base/arena.h"
#include "server/lint/lint.h"
#include "server/settings/settings.h"

/* The profiles of the settings and, as "", that of the server's own certificate. Both
 * lists live in the arena, and point into the settings. */
void signer_profile_read(struct arena *a, const struct settings *settings,
                         const struct lint_profile **profiles, size_t *count);

/* The same for what is signed. How many names there may be is asked when an order is
 * made, and the order is a promise: one from before the settings is signed with as many
 * as any settings allow. Certificates are held against where this CA publishes, and when
 * they can begin, which of those that were issued under other settings nobody asks. */
void signer_profile_read_promised(struct arena *a, const struct settings *settings,
                                  const struct lint_profile **profiles, size_t *count);
