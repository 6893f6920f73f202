/* Path and method to handler. */
#pragma once

#include "core/base/err.h"
#include "core/http/http_message.h"
#include "server/exchange/exchange.h"

/* First step of every exchange: find the route, let the gate check a POST, run the
 * handler. ERR_NOT_FOUND, ERR_METHOD_NOT_ALLOWED (with Allow on the reply), or what gate
 * and handler say. */
MUST_CHECK enum err router_step(struct exchange *x, struct err_info *why);

/* Headers that every reply carries (RFC 8555 6.5, 7.1, 9.1): Replay-Nonce where one is
 * due, Link "index", Cache-Control, CORS. Called when the reply is complete; works
 * without a session. */
void router_finish(struct exchange *x);
