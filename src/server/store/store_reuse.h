/* What is used more than once: authorizations that are proved (RFC 8555 7.1.3), also of
 * names above (RFC 9444), those that no order asked for (7.4.1), and whole orders. */
#pragma once

#include "server/store/store.h"

/* Which authorizations that are proved may serve once more. */
struct store_reuse {
    int64_t proved_first; /* seconds: proved then or later */
    int64_t proved_last;  /* nor later than then: a clock may have been ahead */
    int64_t lasts;        /* seconds after its proof one serves, 0: while it lives */
    int64_t outlives;     /* seconds: it expires later than that */
    bool subdomains;      /* that of a name above may serve (RFC 9444) */
    unsigned int types;   /* proved by these challenges: bits 1 << attempt_type */
};

#define STORE_REUSE_ABOVE_MAX                                                            \
    8 /* names above one that are looked at, the nearest ones                            \
       */

/* An authorization that no order asked for (RFC 8555 7.4.1). Of `wanted` are read:
 * account_id, identifier, subdomains, seed, created, expires, lifetime. If the account
 * has one for exactly that already, proved as `reuse` says or asked for before and still
 * pending beyond `reuse->outlives`, that is given and `existed` set. ERR_NOT_FOUND if the
 * account is not there, ERR_UNAUTHORIZED if it is not valid; ERR_CONFLICT if it has
 * `most` pending ones. */
MUST_CHECK enum err store_reuse_authz(struct store_session *s, struct arena *a,
                                      const struct store_authz *wanted,
                                      const struct store_reuse *reuse, int64_t most,
                                      struct store_authz **row, bool *existed,
                                      struct err_info *why);

/* As store_order_add, but authorizations of the account that serve as `reuse` says are
 * used rather than made: they replace those in `order->authzs` (texts in the arena). An
 * order does not outlive them: its `expires` becomes the earliest of theirs, and of the
 * times when they serve no more. */
MUST_CHECK enum err store_reuse_order_add(struct store_session *s, struct arena *a,
                                          struct store_order *order,
                                          const struct store_reuse *reuse,
                                          struct err_info *why);

/* The newest order with that key; ERR_NOT_FOUND. */
MUST_CHECK enum err store_reuse_order(struct store_session *s, struct arena *a,
                                      struct span key, struct store_order **row,
                                      struct err_info *why);

/* Has the account authorizations that serve as `reuse` says for all of these? A wildcard
 * needs one that was made for the wildcard, or for subdomains. */
MUST_CHECK enum err store_reuse_has_proved(struct store_session *s, int64_t account_id,
                                           const struct store_identifier *identifiers,
                                           size_t count, const struct store_reuse *reuse,
                                           bool *all, struct err_info *why);
