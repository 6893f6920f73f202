/* Between the HTTP server and the exchanges: a request becomes a tray, a finished tray a
 * reply. */
#pragma once

#include "core/base/err.h"
#include "core/http/http_server.h"
#include "server/exchange/exchange.h"

struct front_http;

/* The glue for a server with these services. */
struct front_http *front_http_new(struct services *services);
void front_http_free(struct front_http *f);

/* Make `reply` the problem document (RFC 7807) of an error, with its status. */
void front_http_problem(struct arena *arena, const struct err_info *why,
                        struct http_reply *reply);

/* Wait until no request is being worked on, at most until `until_us`
 * (clock_monotonic_us); false if there still is one. */
bool front_http_wait(struct front_http *f, int64_t until_us);

/* Other services for requests from now on (a reload); the old ones must stay, requests
 * may be using them. Any thread. */
void front_http_use(struct front_http *f, struct services *services);

/* What http_server_new wants; then tell the glue its server. */
struct http_server_callbacks front_http_callbacks(struct front_http *f);
void front_http_attach(struct front_http *f, struct http_server *server);
