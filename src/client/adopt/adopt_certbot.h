/* certbot's DNS plugins. */
#pragma once

#include "client/adopt/adopt.h"
#include "client/adopt/adopt_pairs.h"

/* Is `authenticator` ("dns-cloudflare") a plugin that has a counterpart here? It is set
 * for the certificate then, its credentials in a file of our own; what is missing is a
 * remark. */
bool adopt_certbot_plugin(struct adopt *found, struct adopt_certificate *c,
                          const struct adopt_pairs *parameters,
                          const char *authenticator);
