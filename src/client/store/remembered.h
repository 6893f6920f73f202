/* What a command line asked for, kept as a file of settings with the certificate
 * (certificates/NAME/cairn.yaml), so that it is renewed the same way and can be moved
 * into cairn.yaml as it is. */
#pragma once

#include "client/settings/settings.h"

/* Keep it; the folder of the certificate is there. ERR_IO. */
MUST_CHECK enum err remembered_put(struct arena *a, const char *directory,
                                   const struct wanted *w, struct err_info *why);

/* What is remembered of a certificate, in the arena. `base` is what cairn.yaml says: its
 * options that stand alone count here, too. ERR_NOT_FOUND; ERR_CONFIG if it was damaged.
 */
MUST_CHECK enum err remembered_get(struct arena *a, const char *directory,
                                   const char *name, const struct settings *base,
                                   struct wanted *w, struct err_info *why);

/* Forget it; one that is not there is fine. ERR_IO. */
MUST_CHECK enum err remembered_remove(struct arena *a, const char *directory,
                                      const char *name, struct err_info *why);
