/* URLs of http and https, read to the letter of RFC 3986 (no repairs, no IRIs). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/base/arena.h"
#include "core/base/err.h"
#include "core/base/span.h"
#include "core/net/address.h"

#define URL_MAX 2048 /* octets of a URL */

enum url_host_kind {
    URL_HOST_NAME,
    URL_HOST_V4,
    URL_HOST_V6,
};

struct url {
    bool https;
    enum url_host_kind host_kind;
    const char *host;       /* lower case; IPv6 canonical, without brackets */
    struct address address; /* of URL_HOST_V4 and V6, with the port */
    uint16_t port;          /* the scheme's when none is given */
    const char *path;       /* "/" at least; percent-encoding checked but left */
    const char *query;      /* behind the '?', NULL without one */
};

/* Read an absolute URL into the arena. A fragment is dropped; user information is
 * refused (RFC 9110 4.2.4). ERR_MALFORMED with what is wrong. */
MUST_CHECK enum err url_parse(struct arena *a, struct span text, struct url *u,
                              struct err_info *why);

/* Read a reference (of a Location header) relative to `base` (RFC 3986 5.2), dot segments
 * removed. ERR_MALFORMED. */
MUST_CHECK enum err url_join(struct arena *a, const struct url *base,
                             struct span reference, struct url *u, struct err_info *why);

/* "host[:port]" for a Host header: the port only if it is not the scheme's, IPv6 in
 * brackets. In the arena. */
char *url_authority(struct arena *a, const struct url *u);

/* Path and query for a request line, in the arena. */
char *url_target(struct arena *a, const struct url *u);

/* The whole URL, in the arena. */
char *url_text(struct arena *a, const struct url *u);

/* Same scheme, host and port? */
bool url_same_origin(const struct url *a, const struct url *b);
