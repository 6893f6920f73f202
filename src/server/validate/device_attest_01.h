/* Inside the validator's process: attestations of devices (device-attest-01). Nothing is
 * looked up in a network, so the answer is there at once; they are judged in here because
 * this is where hostile octets do the least harm. */
#pragma once

#include "core/attest/attest.h"
#include "core/base/arena.h"
#include "core/base/err.h"
#include "server/proc/ipc_channel.h"
#include "server/settings/settings.h"

/* What it needs for that; made by device_attest_01_open. */
struct device_attest_01 {
    const struct settings *settings;
    struct span roots[ATTEST_FORMAT_COUNT]; /* PEM; empty: the vendor's */
    struct span status;                     /* attest.android_status; empty: none */
};

/* Read the files that attest.* name, into the arena, which must outlive it as the
 * settings must. ERR_CONFIG with option and file: it is not there, or has no
 * certificates, or is no list of Google's. */
MUST_CHECK enum err device_attest_01_open(struct arena *a,
                                          const struct settings *settings,
                                          struct device_attest_01 *attest,
                                          struct err_info *why);

/* Judge an attestation, and answer through `front`. */
void device_attest_01_answer(const struct device_attest_01 *attest,
                             struct ipc_channel *front, const struct message_attest *m);
