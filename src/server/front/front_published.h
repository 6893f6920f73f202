/* What anybody may fetch without ACME: revocation lists and issuer certificates. Plain
 * HTTP has nothing else (RFC 5280 8: who needs a list to trust HTTPS cannot fetch it by
 * HTTPS). */
#pragma once

#include <stdbool.h>

#include "core/base/err.h"
#include "core/http/http_message.h"
#include "server/exchange/exchange.h"

/* Answer a request for what is published, and every request that came by plain HTTP;
 * false: it is ACME's. On an I/O thread, so nothing may be waited for. */
bool front_published_answer(const struct services *services,
                            const struct http_request *request, struct http_reply *reply);

/* A document of services->published, with what caches need (RFC 9110 13, RFC 9111).
 * `path` is without what publish.url has before it. */
MUST_CHECK enum err front_published_document(const struct services *services,
                                             const struct http_request *request,
                                             const char *path, struct http_reply *reply,
                                             struct err_info *why);

/* The path of a request behind that of publish.url, which a proxy may have taken away or
 * not. */
const char *front_published_path(const struct settings *s,
                                 const struct http_request *request);
