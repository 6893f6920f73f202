/* Auto-renewal (RFC 8739): when which certificate of such an order is made, and making
 * those that are due. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "server/issue/issuer.h"
#include "server/order/order_desk.h"
#include "server/order/order_leaf.h"
#include "server/store/store_star.h"

/* The certificates of an order have numbers from 0. Number i is due nominally at first +
 * i
 * * lifetime, is valid for one lifetime from then (or to the order's end), and begins
 * three quarters of a lifetime earlier, or as much as the client wants (RFC 8739 3.5; f =
 * 3/4). It is made in the eighth of a lifetime after that beginning, each order at
 * another moment of it: so another eighth is left until half of the lifetime of the one
 * before is over, and what was finalized together is not renewed together. */

/* Which certificate is the one for `now`; below 0 before the time of any. */
int64_t order_star_number(const struct store_star *star, int64_t now);

/* The validity of number `number` within its issuer's (RFC 8739 3.5). */
struct order_leaf_times order_star_times(const struct store_star *star,
                                         const struct template_issuer *issuer,
                                         int64_t number);

/* When the one after `number` is to be made; 0: that was the last. */
int64_t order_star_due(const struct store_star *star, int64_t order_id, int64_t number);

/* The first certificate of an order that is ready, finalized at `now`: its validity, and
 * what store_issuance_begin() is to note. `star->first` is set. */
struct order_leaf_times order_star_begin(struct store_star *star, int64_t order_id,
                                         const struct template_issuer *issuer,
                                         struct span spki, int64_t now,
                                         struct store_star_step *step);

#define ORDER_STAR_AT_ONCE 50 /* certificates begun by one call */

/* What renewals are made with. */
struct order_star_means {
    const struct settings *settings;
    const struct issuer_set *issuers;
    const struct limit *limits; /* they have the list of public suffixes */
};

/* Begin what is due, as much as one call may; `count` says how many orders were looked
 * at. What cannot be made now is tried again a sixteenth of its lifetime later; what may
 * never be made again (the account is deactivated, the key blocked) is canceled.
 * ERR_STORE. */
MUST_CHECK enum err order_star_renew(struct order_desk *desk,
                                     struct store_session *session,
                                     const struct order_star_means *means, int64_t now,
                                     size_t *count, struct err_info *why);
