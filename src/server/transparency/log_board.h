/* The logs of this CA, and which of their timestamps are enough: what ct.* and ct_logs.*
 * come to. */
#pragma once

#include "core/base/arena.h"
#include "core/base/err.h"
#include "core/crypto/hash.h"
#include "core/crypto/key.h"
#include "server/settings/settings.h"

struct log_board_log {
    const struct settings_log *settings;
    const struct key *key;
};

/* All of them, and what is to be had of them. */
struct log_board {
    const struct settings *settings;
    struct log_board_log logs[SETTINGS_CT_LOGS_MAX];
    size_t count;
};

/* Logs by their places on the board. */
struct log_board_list {
    size_t places[SETTINGS_CT_LOGS_MAX];
    size_t count;
};

/* The board of these settings, in the arena; it must not outlive them. */
MUST_CHECK enum err log_board_new(struct arena *a, const struct settings *settings,
                                  const struct log_board **board, struct err_info *why);

/* The logs that take a certificate of the profile that ends then (seconds), in a random
 * order, but so that each of the first ones brings nearest to what is enough. None for a
 * profile that is gone, or has no logs. */
void log_board_choose(const struct log_board *board, const char *profile,
                      int64_t not_before, int64_t not_after, struct log_board_list *list);

/* Are timestamps of these logs enough for a certificate that is valid so long? */
bool log_board_suffices(const struct log_board *board, const struct log_board_list *list,
                        int64_t not_before, int64_t not_after);
