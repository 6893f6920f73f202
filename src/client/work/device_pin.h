/* PINs of devices. */
#pragma once

#include "core/base/arena.h"
#include "core/base/err.h"
#include "core/base/span.h"

/* Read one from a file with mode 0600, or from a systemd credential (credential:NAME),
 * without a final newline; empty if `path` is. `option` names it in a failure. The caller
 * wipes it. ERR_CONFIG. */
MUST_CHECK enum err device_pin_read(struct arena *a, const char *option, const char *path,
                                    struct span *pin, struct err_info *why);
