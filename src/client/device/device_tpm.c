/* A TPM 2.0 (format `tpm`). */
#include "client/device/device.h"

enum err device_tpm_open(struct device *d, struct err_info *why)
{
    (void)d;
    return err_set(why, ERR_USAGE,
                   "--device tpm: this version of cairn cannot use TPMs yet");
}
