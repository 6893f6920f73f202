/* The attestation keys of devices on disk: what the device gave to keep, which is of use
 * in that device only, and the certificates that came for it. One for each CA, so that
 * two CAs cannot tell that they know the same device. */
#pragma once

#include "client/settings/settings.h"
#include "core/base/arena.h"

/* What is kept for the device of that certificate at that CA; empty if nothing is.
 * ERR_IO. */
MUST_CHECK enum err device_store_get(struct arena *a, const char *directory,
                                     const char *ca,
                                     const struct settings_certificate *certificate,
                                     struct span *kept, struct err_info *why);

/* Keep that from now on. ERR_IO: what was there is still in force. */
MUST_CHECK enum err device_store_put(struct arena *a, const char *directory,
                                     const char *ca,
                                     const struct settings_certificate *certificate,
                                     struct span kept, struct err_info *why);
