/* Enrolment of attestation keys in the validator: the octets of strangers are judged
 * here, where there is neither a store nor a key. */
#pragma once

#include "server/proc/ipc_channel.h"
#include "server/settings/settings.h"

/* What it knows; `roots` lives as long as the settings it is of. */
struct validator_enroll {
    struct span roots; /* PEM: who vouches for endorsement keys */
};

/* Take the roots of these settings, from their bundle or from disk (before the sandbox);
 * in the arena. ERR_IO, ERR_NOT_FOUND, ERR_TOO_LARGE. */
MUST_CHECK enum err validator_enroll_read(struct validator_enroll *e, struct arena *a,
                                          const struct settings *settings,
                                          struct err_info *why);

/* Judge, and answer at once: some milliseconds. */
MUST_CHECK enum err validator_enroll_answer(const struct validator_enroll *e,
                                            struct ipc_channel *front,
                                            const struct message_enroll *m,
                                            struct err_info *why);
