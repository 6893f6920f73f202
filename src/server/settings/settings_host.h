/* The settings of a perspective, cairn-perspective.yaml: a few options of its own, and of
 * a CA's those that say how the validator sees the world, by the same rows. */
#pragma once

#include "server/settings/settings.h"

/* Read the text of DIRECTORY/cairn-perspective.yaml. ERR_CONFIG if it is not there. */
MUST_CHECK enum err settings_host_text(struct arena *a, const char *directory,
                                       struct span *text, struct err_info *why);

/* As settings_read(), of such a text. */
MUST_CHECK enum err settings_host_read(struct arena *a, const char *directory,
                                       struct span text, const char *const *sets,
                                       size_t set_count, const struct settings **settings,
                                       struct err_info *why);

/* As settings_defaults(). */
MUST_CHECK enum err settings_host_defaults(struct arena *a, const char *directory,
                                           const char *const *sets, size_t set_count,
                                           struct settings **settings,
                                           struct err_info *why);

/* Append the commented file with these values. */
MUST_CHECK enum err settings_host_write(struct arena *a, struct buf *b,
                                        const struct settings *settings,
                                        struct err_info *why);
