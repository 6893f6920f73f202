/* Answering challenges. A solver is opened once for an order, told every token, and
 * closed whatever happens: it then leaves nothing behind. */
#pragma once

#include <stdint.h>

#include "core/acme/terms.h"
#include "core/base/err.h"

/* How http-01 is answered: "standalone", or "webroot:DIR". */
struct solve_options {
    const char *http;
    int64_t http_port; /* where the standalone listener is */
    int listener;      /* socket to the process that answers there */
};

struct solver;

/* ERR_USAGE for an unknown way; ERR_NETWORK if the port cannot be listened on (who has
 * it, what to do); ERR_IO if the folder cannot be written. Close with solve_close. */
MUST_CHECK enum err solve_open(const struct solve_options *options, struct solver **s,
                               struct err_info *why);

/* Which challenge type this solver answers. */
enum challenge_type solve_type(const struct solver *s);

/* A phrase for the user: "answering on port 80". */
const char *solve_description(const struct solver *s);

/* Answer `token` with `key_authorization` from now on. ERR_MALFORMED for a token that is
 * not base64url (RFC 8555 8.3): it becomes a path. ERR_IO. */
MUST_CHECK enum err solve_add(struct solver *s, const char *token,
                              const char *key_authorization, struct err_info *why);

/* Take everything away. NULL is fine. */
void solve_close(struct solver *s);
