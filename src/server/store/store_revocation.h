/* Revoking (RFC 8555 7.6): one certificate, several, and those that go with their keys.
 */
#pragma once

#include "server/store/store.h"

/* Who is told of each certificate that a change revokes, also those that go with a key
 * (`for_key`): within the change, so that what it notes has the change's fate. It does
 * nothing else with the store. */
struct store_revoking {
    void *context;
    void (*told)(void *context, const struct store_issuance *issuance,
                 const struct store_revocation *revocation, bool for_key);
};

/* Revoke; with `block_key`, its key is in the wrong hands: nothing is certified for it
 * any more, and what was and has not expired is revoked for keyCompromise in the same
 * change, by whichever account it was ordered, also what is being signed or was given up.
 * A revocation for another reason is changed to keyCompromise if that is the reason now,
 * and keeps its time; otherwise ERR_CONFLICT if it is revoked already. `told` may be
 * NULL. */
MUST_CHECK enum err store_revoke(struct store_session *s,
                                 const struct store_issuance *issuance,
                                 const struct store_revocation *revocation,
                                 bool block_key, const struct store_revoking *told,
                                 struct err_info *why);

/* What revoking several came to. */
struct store_revoked {
    int64_t revoked;  /* of those that were given, not counting what was before */
    int64_t siblings; /* others for their keys */
};

/* Revoke those of `list` that have not expired at `now`, finished or not, in one change;
 * with keyCompromise their keys are blocked and take others with them, too. The
 * revocation's time may lie back, but not before each one was begun. What is revoked
 * already stays as it is, but for its reason if it is keyCompromise now. `told` may be
 * NULL. */
MUST_CHECK enum err
store_revoke_all(struct store_session *s, const struct store_issuance *const *list,
                 size_t count, const struct store_revocation *revocation, int64_t now,
                 struct store_revoked *sum, const struct store_revoking *told,
                 struct err_info *why);
