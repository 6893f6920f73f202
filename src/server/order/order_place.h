/* What an order gets: authorizations that are there and those that must be made, or an
 * order that is there (RFC 8555 7.1.3, 7.4, 7.4.1, RFC 9444). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/acme/identifier.h"
#include "core/base/arena.h"
#include "core/base/err.h"
#include "server/order/renewal.h"
#include "server/settings/settings.h"
#include "server/store/store.h"
#include "server/store/store_reuse.h"

/* What is ordered. */
struct order_place_wish {
    const struct identifier *identifiers;
    size_t count;
    const char *const *ancestors; /* of each the name above it that is to be proved
                                     instead (RFC 9444 4.3), or NULL; NULL: none of any */
    unsigned int proofs;     /* bits 1 << enum challenge_type: proofs by these serve */
    unsigned int challenges; /* that its profile allows, 0: all */
    bool alone; /* it is never given an order that is there, nor given to others */
};

/* Complete an order whose account_id, created, not_before, not_after, profile and star
 * are set: identifiers, fresh authorizations, when they and it expire. In the arena. */
void order_place_prepare(struct arena *a, const struct settings *settings,
                         const struct order_place_wish *wish, struct store_order *order);

/* Which authorizations serve an order at `now` (seconds): proved within
 * authorization.lifetime by a challenge of `proofs`, and they live long enough for an
 * order to be finished: an eighth of what an order or a proof lasts, a day at most. */
struct store_reuse order_place_reuse(const struct settings *settings, unsigned int proofs,
                                     int64_t now);

/* Add an order that was prepared, with the authorizations of its account that serve. With
 * order.reuse, an order of the account for the same that is pending or ready and lives
 * long enough is given instead. ERR_NOT_FOUND if the account is not valid any more. */
MUST_CHECK enum err order_place(struct store_session *session, struct arena *a,
                                const struct settings *settings,
                                const struct order_place_wish *wish,
                                struct store_order **order, struct err_info *why);

/* The same for an order that replaces a certificate (RFC 9773 5); it is always a new
 * one. ERR_CONFLICT if another order does that. */
MUST_CHECK enum err order_place_replacing(struct store_session *session, struct arena *a,
                                          const struct settings *settings,
                                          const struct order_place_wish *wish,
                                          const struct renewal *replaced,
                                          struct store_order *order,
                                          struct err_info *why);

/* An authorization the order did not ask for itself, proved longer ago than
 * authorization.lifetime allows now: it may have been longer when it was ordered. NULL if
 * there is none. */
const struct store_authz *order_place_too_old(const struct settings *settings,
                                              const struct store_order *order,
                                              int64_t now);

/* Can accounts ask for authorizations without an order? */
bool order_place_has_authz(const struct settings *settings);

/* What an account asks for without an order. */
struct order_place_request {
    int64_t account_id;
    struct identifier identifier;
    bool subdomains;     /* and all names below it (RFC 9444) */
    unsigned int proofs; /* as in a wish */
};

/* The authorization for it: one that is there, valid or pending, or a new one, as
 * `existed` says. ERR_RATE_LIMITED if the account has too many that are pending;
 * ERR_NOT_FOUND if it is not valid any more. */
MUST_CHECK enum err order_place_authz(struct store_session *session, struct arena *a,
                                      const struct settings *settings,
                                      const struct order_place_request *request,
                                      struct store_authz **authz, bool *existed,
                                      struct err_info *why);
