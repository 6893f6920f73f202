/* Getting a certificate whose key is in a device: opening it, seeing to it that it can
 * attest, and asking it what it is. */
#pragma once

#include "client/device/device_desk.h"
#include "client/work/issuing.h"

/* Is the certificate's key in a device? */
bool issuing_has_device(const struct issuing *i);

/* Have it opened. That is all unless device-attest-01 is to be answered. If its
 * attestation key has no certificate yet (or a new one is due), one is got by the process
 * with the network, and kept. Names of the device that the user did not say are asked of
 * it and put behind the others of `i->wanted`. Everything lives in the arena. Whatever
 * the device (ERR_CRYPTO: the PIN is wrong or missing), the attestation CA or the files
 * fail with. */
MUST_CHECK enum err issuing_device_open(struct arena *a, struct issuing *i,
                                        struct device_desk *desk, struct err_info *why);

/* The certificate's key of that type, in the device that was opened: the one it had, if
 * that is to be kept, else a new one, or the one that the user named. `*text` is what
 * becomes key.pem. Free with key_free. Whatever the device fails with, but ERR_CRYPTO for
 * a PIN that is wrong or missing. */
MUST_CHECK enum err issuing_device_key(struct arena *a, const struct issuing *i,
                                       struct device_desk *desk, const char *key_type,
                                       struct key **key, struct span *text,
                                       struct err_info *why);
