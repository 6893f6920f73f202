/* ACME objects as JSON. */
#pragma once

#include "core/acme/terms.h"
#include "core/base/err.h"
#include "server/exchange/exchange.h"
#include "server/store/store.h"

#define RENDER_JSON "application/json"

/* Reply with an account object (RFC 8555 7.1.2). */
void render_account(struct exchange *x, int status, const struct store_account *account);

/* Reply with an order object (RFC 8555 7.1.3), its Location, and Retry-After while it is
 * being processed. */
void render_order(struct exchange *x, int status, const struct store_order *order);

/* Reply with an authorization object (RFC 8555 7.1.4). */
void render_authz(struct exchange *x, const struct store_authz *authz);

/* Reply with a challenge object (RFC 8555 7.1.5, 8), its Link "up" and Retry-After while
 * it is being checked. */
void render_challenge(struct exchange *x, const struct store_authz *authz,
                      enum challenge_type type);
