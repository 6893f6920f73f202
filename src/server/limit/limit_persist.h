/* Buckets between memory and the store. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "server/limit/limit.h"

#define LIMIT_PERSIST_LEAST_US                                                           \
    60000000                   /* a bucket that is new in less is not worth writing */
#define LIMIT_PERSIST_ROWS 500 /* written in one change */

/* Read buckets and rates of single buckets, at the start. */
MUST_CHECK enum err limit_persist_load(struct limit *l, struct store_session *session,
                                       int64_t now_us, struct err_info *why);

/* Write changed buckets: LIMIT_PERSIST_ROWS, or all of them. Buckets that are over are
 * dropped from memory, and now and then from the store. What cannot be written stays
 * changed: ERR_STORE. */
MUST_CHECK enum err limit_persist_save(struct limit *l, struct store_session *session,
                                       int64_t now_us, bool all, struct err_info *why);

/* Have nobody save until limit_persist_go_on(), so that what is written about a bucket
 * meanwhile is not followed by what is older. Not while the store is held: who saves
 * waits for it. */
void limit_persist_stop(struct limit *l);
void limit_persist_go_on(struct limit *l);
