/* Looking at a web server as a CA does (RFC 8555 8.3): what does that address answer to a
 * request for that name? */
#pragma once

#include "client/proc/wire.h"

/* Obey a LOOK call: one request without redirects, over TLS (of whatever certificate) if
 * it says so; the answer's fields are status, the beginning of the body, Location.
 * ERR_CONNECTION with what the address did, ERR_PROTOCOL, ERR_INTERNAL. */
MUST_CHECK enum err listener_look(struct arena *a, const struct wire_message *m,
                                  struct wire_message *answer, struct err_info *why);

/* Obey a LOOK_TLS call: does the address answer tls-alpn-01 for the name with that key
 * authorization (RFC 8737 3)? ERR_CONNECTION, ERR_TLS or ERR_UNAUTHORIZED with what it
 * did; ERR_PROTOCOL, ERR_INTERNAL. */
MUST_CHECK enum err listener_look_tls(struct arena *a, const struct wire_message *m,
                                      struct wire_message *answer, struct err_info *why);
