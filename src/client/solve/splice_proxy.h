/* The PROXY protocol: who connects, in front of a connection that is passed on (HAProxy,
 * "The PROXY protocol", versions 1 and 2). */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "client/solve/splice.h"

#define SPLICE_PROXY_MAX 128 /* octets */

/* Write the header for a connection from `peer` to `own`; returns its octets. */
size_t splice_proxy_write(enum splice_proxy version, const struct address *peer,
                          const struct address *own, uint8_t to[SPLICE_PROXY_MAX]);
