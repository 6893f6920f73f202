/* Link headers (RFC 8288 3): alternate chains, further pages, help. */
#pragma once

#include <stddef.h>

#include "core/base/arena.h"

#define LINK_HEADER_URLS_MAX 8 /* with one relation */

/* The URLs with that relation, such as "alternate", in the values of Link headers, made
 * absolute by `base`, which is the URL of what was answered; at most
 * LINK_HEADER_URLS_MAX. In the arena. */
size_t link_header_urls(struct arena *a, const char *base, const char *const *links,
                        size_t count, const char *relation, const char **urls);
