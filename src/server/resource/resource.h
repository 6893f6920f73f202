/* The resources of RFC 8555, a file each: parse, ask, render. A handler finds on the tray
 * what the router and the gate put there. */
#pragma once

#include "core/base/err.h"
#include "core/crypto/key.h"
#include "server/exchange/exchange.h"
#include "server/store/store.h"

/* RFC 8555 7.1.1 */
MUST_CHECK enum err resource_directory(struct exchange *x, struct err_info *why);

/* RFC 8555 7.2: the router adds the nonce; HEAD and POST-as-GET are answered 200, GET
 * 204. */
MUST_CHECK enum err resource_new_nonce(struct exchange *x, struct err_info *why);

/* RFC 8555 7.3: a new account, or the one that has this key. */
MUST_CHECK enum err resource_new_account(struct exchange *x, struct err_info *why);

/* RFC 8555 7.3.2: the account shown, or its contacts changed. */
MUST_CHECK enum err resource_account(struct exchange *x, struct err_info *why);

/* The reply that shows an account, with its Location and the terms of service. */
void resource_account_show(struct exchange *x, int status,
                           const struct store_account *account);

/* RFC 8555 7.3.5: another key for the account. */
MUST_CHECK enum err resource_key_change(struct exchange *x, struct err_info *why);

/* RFC 8555 7.4 */
MUST_CHECK enum err resource_new_order(struct exchange *x, struct err_info *why);
MUST_CHECK enum err resource_order(struct exchange *x, struct err_info *why);

/* RFC 8555 7.1.2.1: the first page, and one that begins behind a cursor. */
MUST_CHECK enum err resource_orders(struct exchange *x, struct err_info *why);
MUST_CHECK enum err resource_orders_next(struct exchange *x, struct err_info *why);

/* The order of the URL if it is this account's; ERR_NOT_FOUND otherwise. */
MUST_CHECK enum err resource_order_load(struct exchange *x, struct store_order **order,
                                        struct err_info *why);

/* RFC 8555 7.4: check the request, issue, and hold the answer while the result is near.
 */
MUST_CHECK enum err resource_finalize(struct exchange *x, struct err_info *why);

/* RFC 8555 7.4.2: the chain without the root, as PEM. */
MUST_CHECK enum err resource_certificate(struct exchange *x, struct err_info *why);

/* `refusal` if the key was revoked as compromised. */
MUST_CHECK enum err resource_key_not_blocked(struct exchange *x, const struct key *key,
                                             enum err refusal, struct err_info *why);

/* RFC 8555 7.6 */
MUST_CHECK enum err resource_revoke(struct exchange *x, struct err_info *why);

/* RFC 8555 7.5 and 7.5.1 */
MUST_CHECK enum err resource_authz(struct exchange *x, struct err_info *why);
MUST_CHECK enum err resource_challenge(struct exchange *x, struct err_info *why);

/* The root certificate as PEM, for clients that have none yet (not part of ACME). */
MUST_CHECK enum err resource_root(struct exchange *x, struct err_info *why);
