/* Connecting to a perspective from a command, when no CA runs that could. */
#pragma once

#include "core/base/arena.h"
#include "core/base/err.h"
#include "server/exchange/outlook.h"
#include "server/settings/settings.h"

#define COMMAND_PERSPECTIVE_TRY_MS 15000

/* Try it once, with the CA's key, as its relay would. What came of it is in `found`, also
 * that it failed. ERR_CONFIG: the key cannot be read; ERR_CRYPTO, ERR_IO. */
MUST_CHECK enum err command_perspective_try(struct arena *a, const char *directory,
                                            const struct settings_perspective *p,
                                            struct outlook *found, struct err_info *why);
