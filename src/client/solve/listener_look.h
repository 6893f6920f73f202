/* Looking at a web server as a CA does (RFC 8555 8.3): what does that address answer to a
 * request for that name? */
#pragma once

#include "client/proc/wire.h"

/* Obey a LOOK call: one request without redirects, no TLS; the answer's fields are
 * status, the beginning of the body, Location. ERR_CONNECTION with what the address did,
 * ERR_PROTOCOL, ERR_INTERNAL. */
MUST_CHECK enum err listener_look(struct arena *a, const struct wire_message *m,
                                  struct wire_message *answer, struct err_info *why);
