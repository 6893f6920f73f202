/* Who a device is that enrols an attestation key, and the certificate it gets. */
#pragma once

#include "server/issue/issuer.h"
#include "server/settings/settings.h"
#include "server/store/store_enrollment.h"

/* What a device with that endorsement key is called: as the inventory says, or, where
 * attest.ak_identity is ek and its maker vouches for the key, by its hash. `doubt` is why
 * nobody does. ERR_UNAUTHORIZED with a sentence: it is not known, or blocked. */
MUST_CHECK enum err enroll_leaf_device(struct store_session *session, struct arena *a,
                                       const struct settings *settings,
                                       const struct store_enrollment *enrollment,
                                       const char *doubt, struct store_identifier *device,
                                       struct err_info *why);

/* Write the certificate for that device into the arena; of `issuance` are set serial,
 * tbs, issuer, shard, directory, key_hash, begun (`now`), not_after. ERR_UNAVAILABLE if
 * the issuer is not valid now; ERR_TOO_LARGE. */
MUST_CHECK enum err
enroll_leaf_write(struct arena *a, const struct settings *settings,
                  const struct issuer *issuer, const struct store_enrollment *enrollment,
                  const struct store_identifier *device, const struct key *key,
                  int64_t now, struct store_issuance *issuance, struct err_info *why);
