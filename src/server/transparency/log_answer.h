/* What a log answers to add-chain and add-pre-chain (RFC 6962 4.1, 4.2): hostile octets,
 * read strictly. */
#pragma once

#include "core/base/arena.h"
#include "core/base/err.h"
#include "core/base/span.h"

#define LOG_ANSWER_MAX (16 * 1024) /* octets of a body that is looked at */

/* The timestamp in it, as octets in the arena (sct_read reads them). Whose it is, and
 * whether it is signed, is not looked at. ERR_MALFORMED. */
MUST_CHECK enum err log_answer_read(struct arena *a, struct span body, struct span *sct,
                                    struct err_info *why);
