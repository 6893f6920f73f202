/* Policy: may an order renew itself like that (RFC 8739). */
#pragma once

#include <stdint.h>

#include "core/base/arena.h"
#include "core/base/err.h"
#include "core/json/json_read.h"
#include "server/issue/template.h"
#include "server/policy/policy.h"
#include "server/store/store_star.h"

/* Read and judge auto-renewal of a newOrder payload; `star` gets NULL if it is not there,
 * else what is agreed on, with a new token, in the arena. What cannot be had as asked is
 * refused, not changed, except that GET is not granted where it is not allowed.
 * ERR_MALFORMED with what is possible. */
MUST_CHECK enum err policy_star(struct arena *a, const struct policy_scope *scope,
                                const struct json *payload,
                                const struct template_issuer *issuer, int64_t now,
                                struct store_star **star, struct err_info *why);
