/* ACME objects as JSON. */
#pragma once

#include <stdbool.h>

#include "core/acme/terms.h"
#include "core/base/err.h"
#include "core/json/json_write.h"
#include "server/exchange/exchange.h"
#include "server/store/store.h"

#define RENDER_JSON "application/json"

/* Reply with an account object (RFC 8555 7.1.2). */
void render_account(struct exchange *x, int status, const struct store_account *account);

/* Reply with an order object (RFC 8555 7.1.3), its Location, and Retry-After while it is
 * being processed. */
void render_order(struct exchange *x, int status, const struct store_order *order);

/* Has the authorization a challenge of that type: offered now to this account, or
 * attempted before? */
bool render_has_challenge(const struct exchange *x, const struct store_authz *authz,
                          enum challenge_type type);

/* Write the member with the issuer domain names of dns-persist-01, as the directory's
 * revision of the draft calls it (draft-ietf-acme-dns-persist 3.1). */
void render_issuer_names(struct json_writer *w,
                         const struct settings_directory *directory);

/* Reply with an authorization object (RFC 8555 7.1.4). */
void render_authz(struct exchange *x, const struct store_authz *authz);

/* Reply with a challenge object (RFC 8555 7.1.5, 8), its Link "up" and Retry-After while
 * it is being checked. */
void render_challenge(struct exchange *x, const struct store_authz *authz,
                      enum challenge_type type);
