/* What the relay says of the perspectives on other hosts, for administration commands:
 * they run on a thread of their own and may wait for it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/err.h"
#include "core/config/config.h"
#include "server/settings/settings.h"

#define OUTLOOK_RELOAD_MS 10000 /* for the supervisor's word on a reload */

/* One perspective, as message OUTLOOK has it. */
struct outlook {
    char perspective[CONFIG_NAME_MAX + 1];
    uint64_t generation;
    bool tried, connected;
    int64_t since; /* seconds since 1970 */
    char error[ERR_DETAIL_MAX];
    char address[64];
    char version[64];
    uint64_t asked, answered, unreached, taken_ms;
};

struct outlook_board;

/* A board; `reload(context, id)` asks the supervisor for a reload, from any thread.
 * outlook_board_free() takes NULL. */
struct outlook_board *outlook_board_new(bool (*reload)(void *context, uint64_t id),
                                        void *context);
void outlook_board_free(struct outlook_board *board);

/* News of one. Those beyond SETTINGS_PERSPECTIVES_MAX push out others, oldest first. */
void outlook_board_put(struct outlook_board *board, const struct outlook *news);

/* The relay is another process now: what its forerunner said is forgotten. */
void outlook_board_clear(struct outlook_board *board);

/* The supervisor's answer to the reload of that id; generation 0: refused, as `detail`
 * says. */
void outlook_board_reloaded(struct outlook_board *board, uint64_t id, uint64_t generation,
                            const char *detail);

/* What is known of that one; false if nothing. */
bool outlook_board_get(struct outlook_board *board, const char *perspective,
                       struct outlook *found);

/* What is known of all: at most SETTINGS_PERSPECTIVES_MAX; returns how many. */
size_t outlook_board_list(struct outlook_board *board, struct outlook *found);

/* As outlook_board_get, but wait until an attempt to connect by the configuration of that
 * generation has ended, for at most `wait_ms`. False if none has. */
bool outlook_board_wait(struct outlook_board *board, const char *perspective,
                        uint64_t generation, int64_t wait_ms, struct outlook *found);

/* Have the configuration read again, and say as which generation it is spread.
 * ERR_CONFIG if it is refused; ERR_TIMEOUT, ERR_UNAVAILABLE. */
MUST_CHECK enum err outlook_board_reload(struct outlook_board *board,
                                         uint64_t *generation, struct err_info *why);
