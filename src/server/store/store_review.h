/* What is looked at again later: the store as a reader sees it that takes no part in what
 * the CA does, and everything it says of certificates and revocations, some rows at a
 * time. */
#pragma once

#include "server/store/store.h"

#define STORE_REVIEW_SPAN 500 /* ids looked at in one step */

/* Open the database file for reading only, beside a CA that may be running: no lock is
 * taken, nothing is written, and whoever writes does not wait. ERR_STORE with a sentence,
 * also if its schema is not that of this program. */
MUST_CHECK enum err store_review_open(const char *path, struct store **store,
                                      struct err_info *why);

/* An issuance with its octets and, if it is finished, its certificate, without issuers.
 */
struct store_review {
    struct store_issuance issuance;
    struct store_revocation revocation;
    bool has_certificate; /* there is a row for it, whatever its state says */
};

/* Those with ids above `after` and up to `last`, which is at most STORE_REVIEW_SPAN more,
 * that end at `alive` or later and were begun at `since` or later (seconds), by id. */
MUST_CHECK enum err store_review_range(struct store_session *s, struct arena *a,
                                       int64_t after, int64_t last, int64_t alive,
                                       int64_t since, struct store_review **rows,
                                       size_t *count, struct err_info *why);

/* Revocations of issuances with ids above `after`, by id, at most STORE_REVIEW_SPAN,
 * whatever has expired; without octets. */
MUST_CHECK enum err store_review_revoked(struct store_session *s, struct arena *a,
                                         int64_t after, struct store_review **rows,
                                         size_t *count, struct err_info *why);

/* What lies about: certificates without an issuance, revocations of none; the id of one
 * of them, 0: there are none. */
MUST_CHECK enum err store_review_orphan(struct store_session *s, int64_t *certificate,
                                        int64_t *revocation, struct err_info *why);
