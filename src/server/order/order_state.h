/* Status of orders, authorizations and challenges, computed from stored facts when it is
 * asked for (RFC 8555 7.1.6): there is no second copy that could disagree. */
#pragma once

#include <stdint.h>

#include "core/acme/terms.h"
#include "core/base/arena.h"
#include "server/store/store.h"

/* Status of an authorization at `now` (seconds). */
enum authz_status order_state_authz(const struct store_authz *authz, int64_t now);

/* Status of its challenge of that type. Only the attempted challenge leaves pending. */
enum challenge_status order_state_challenge(const struct store_authz *authz,
                                            enum challenge_type type);

/* Status of an order at `now`. */
enum order_status order_state_order(const struct store_order *order, int64_t now);

/* The token of a challenge: 43 characters, derived from the authorization's seed and the
 * type, so that each challenge has its own and none is stored. In the arena. */
char *order_state_token(struct arena *a, const struct store_authz *authz,
                        enum challenge_type type);
