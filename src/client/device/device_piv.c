/* A token with attestation certificates (format `step`), by PKCS #11. */
#include "client/device/device.h"

enum err device_piv_open(struct device *d, struct err_info *why)
{
    (void)d;
    return err_set(why, ERR_USAGE,
                   "--device pkcs11: this version of cairn cannot use tokens yet");
}
