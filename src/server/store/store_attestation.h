/* What devices attested (draft-ietf-acme-device-attest 5): the key, and that is all. */
#pragma once

#include "server/store/store.h"

struct store_attestation {
    int format;                        /* enum attest_format; stored as it is */
    uint8_t key_hash[STORE_HASH_SIZE]; /* SHA-256 of the key's SubjectPublicKeyInfo */
    int64_t at;                        /* seconds */
};

/* Record that a challenge is valid, and which key was attested, in one change; `at` is
 * when it was. `record` is JSON text or NULL. Errors are those of store_attempt_finish.
 */
MUST_CHECK enum err store_attestation_finish(struct store_session *s, int64_t authz_id,
                                             int challenge_type, const char *record,
                                             const struct store_attestation *attestation,
                                             struct err_info *why);

/* What was attested for an authorization; ERR_NOT_FOUND if nothing was. */
MUST_CHECK enum err store_attestation_of(struct store_session *s, int64_t authz_id,
                                         struct store_attestation *attestation,
                                         struct err_info *why);
