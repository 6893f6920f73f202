/* Identifiers that are paused for an account: it gets no order and no validation for
 * them until somebody ends that. In memory and in the store. */
#pragma once

#include "server/limit/limit.h"

#define LIMIT_PAUSES_MAX 100000

/* Read all pauses, at the start. */
MUST_CHECK enum err limit_pause_load(struct limit *l, struct store_session *session,
                                     struct err_info *why);

/* Is it paused? Then the reason (in the arena), else NULL. */
const char *limit_pause_reason(struct limit *l, struct arena *a, int64_t account_id,
                               const char *identifier);

/* Pause in the store and here. ERR_CONFLICT as store_limit_pause_add. */
MUST_CHECK enum err limit_pause_add(struct limit *l, struct store_session *session,
                                    const struct store_limit_pause *pause,
                                    struct err_info *why);

/* End a pause, and count its failures anew. ERR_NOT_FOUND. */
MUST_CHECK enum err limit_pause_remove(struct limit *l, struct store_session *session,
                                       int64_t account_id, const char *identifier,
                                       struct err_info *why);

/* The key of buckets of an account and an identifier: "17/www.example.com". In the arena.
 */
char *limit_pause_key(struct arena *a, int64_t account_id, const char *identifier);
