/* What the inventory of devices says of an order: may these devices enrol for this
 * account, and by which keys are they known (store/store_device.h). */
#pragma once

#include "core/acme/identifier.h"
#include "core/attest/attest.h"
#include "server/settings/settings.h"
#include "server/store/store.h"

/* Who asks, and by whose rules. */
struct device_scope {
    const struct settings_directory *directory;
    const struct settings_profile
        *profile;         /* NULL: none is chosen, its rules do not count
                           */
    int64_t external_key; /* id of the account's external account key, 0: none */
};

/* May the account have these? Whatever is no device may. ERR_REJECTED_IDENTIFIER with a
 * sentence that names the device, and a subproblem for each one that is refused: it is
 * blocked, another external account key's, or not in the inventory where only those are
 * taken. To be asked by newOrder, newAuthz, a challenge and finalize. */
MUST_CHECK enum err device_check(struct store_session *session, struct arena *a,
                                 const struct device_scope *scope,
                                 const struct identifier *identifiers, size_t count,
                                 struct err_info *why);

/* The keys by which the inventory knows a device, at most ATTEST_KNOWN_MAX, in the arena;
 * none if it does not. What is no device has none. */
MUST_CHECK enum err device_known(struct store_session *session, struct arena *a,
                                 const struct identifier *identifier,
                                 const struct attest_known **known, size_t *count,
                                 struct err_info *why);

/* Where the inventory names keys to be attested (ATTEST_KNOWN_KEY), it must be one of
 * them. ERR_BAD_ATTESTATION_STATEMENT. */
MUST_CHECK enum err device_check_key(const struct attest_known *known, size_t count,
                                     const uint8_t key_sha256[HASH_SHA256_SIZE],
                                     struct err_info *why);
