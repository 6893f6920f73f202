/* The store's contract on enrolments of attestation keys that are under way. */
#pragma once

#include "server/store/store.h"

/* One of them; texts and octets live in the arena it was read into. */
struct store_enrollment {
    uint8_t secret_hash[STORE_HASH_SIZE]; /* SHA-256 of the secret */
    int64_t expires;                      /* seconds: no good from then on */
    const char *directory;
    uint8_t ek_hash[STORE_HASH_SIZE]; /* SHA-256 of the EK's SubjectPublicKeyInfo */
    bool certified;                   /* a maker vouches for it */
    struct span ak;                   /* SubjectPublicKeyInfo of the AK */
    const char *manufacturer;         /* of the TPM */
    const char *model;
    const char *version;
};

/* Record one, and forget some that have expired at `now`. ERR_CONFLICT if the secret is
 * there. */
MUST_CHECK enum err store_enrollment_add(struct store_session *s,
                                         const struct store_enrollment *enrollment,
                                         int64_t now, struct err_info *why);

/* The one with that secret. ERR_NOT_FOUND if there is none, or it has expired at `now`.
 */
MUST_CHECK enum err store_enrollment_find(struct store_session *s, struct arena *a,
                                          const uint8_t secret_hash[STORE_HASH_SIZE],
                                          int64_t now, struct store_enrollment **found,
                                          struct err_info *why);

/* Use it: the row goes and the issuance begins for that device, in one change
 * (store_device_issuance_begin). ERR_NOT_FOUND: somebody else used it;
 * ERR_REJECTED_IDENTIFIER: the device is blocked. */
MUST_CHECK enum err store_enrollment_use(struct store_session *s,
                                         const uint8_t secret_hash[STORE_HASH_SIZE],
                                         struct store_issuance *issuance,
                                         const struct store_identifier *device,
                                         struct err_info *why);
