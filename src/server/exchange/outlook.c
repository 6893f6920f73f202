/* The board: a few rows, a lock, and one condition for all who wait. */
#include "server/exchange/outlook.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/base/clock.h"
#include "core/base/memory.h"
#include "core/base/text.h"

struct outlook_board {
    bool (*reload)(void *context, uint64_t id);
    void *context;
    pthread_mutex_t lock;
    pthread_cond_t news;
    struct outlook rows[SETTINGS_PERSPECTIVES_MAX];
    size_t count;
    uint64_t reload_id; /* of the last one wished for */
    uint64_t answered_id;
    uint64_t generation; /* of the last answer */
    char detail[ERR_DETAIL_MAX];
};

struct outlook_board *outlook_board_new(bool (*reload)(void *context, uint64_t id),
                                        void *context)
{
    struct outlook_board *board = memory_get_zeroed(1, sizeof *board);
    pthread_condattr_t monotonic;

    board->reload = reload;
    board->context = context;
    (void)pthread_mutex_init(&board->lock, NULL);
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&board->news, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
    return board;
}

void outlook_board_free(struct outlook_board *board)
{
    if (board == NULL)
        return;
    (void)pthread_cond_destroy(&board->news);
    (void)pthread_mutex_destroy(&board->lock);
    free(board);
}

/* With the lock held; NULL if there is none. */
static struct outlook *row_of(struct outlook_board *board, const char *perspective)
{
    for (size_t i = 0; i < board->count; i++)
        if (strcmp(board->rows[i].perspective, perspective) == 0)
            return &board->rows[i];
    return NULL;
}

void outlook_board_put(struct outlook_board *board, const struct outlook *news)
{
    (void)pthread_mutex_lock(&board->lock);
    struct outlook *row = row_of(board, news->perspective);
    if (row == NULL && board->count == SETTINGS_PERSPECTIVES_MAX) {
        board->count--;
        memmove(board->rows, board->rows + 1, board->count * sizeof board->rows[0]);
    }
    if (row == NULL)
        row = &board->rows[board->count++];
    *row = *news;
    (void)pthread_cond_broadcast(&board->news);
    (void)pthread_mutex_unlock(&board->lock);
}

void outlook_board_clear(struct outlook_board *board)
{
    (void)pthread_mutex_lock(&board->lock);
    board->count = 0;
    (void)pthread_mutex_unlock(&board->lock);
}

void outlook_board_reloaded(struct outlook_board *board, uint64_t id, uint64_t generation,
                            const char *detail)
{
    (void)pthread_mutex_lock(&board->lock);
    board->answered_id = id;
    board->generation = generation;
    (void)text_copy(board->detail, sizeof board->detail, detail);
    (void)pthread_cond_broadcast(&board->news);
    (void)pthread_mutex_unlock(&board->lock);
}

bool outlook_board_get(struct outlook_board *board, const char *perspective,
                       struct outlook *found)
{
    (void)pthread_mutex_lock(&board->lock);
    const struct outlook *row = row_of(board, perspective);
    if (row != NULL)
        *found = *row;
    (void)pthread_mutex_unlock(&board->lock);
    return row != NULL;
}

size_t outlook_board_list(struct outlook_board *board, struct outlook *found)
{
    (void)pthread_mutex_lock(&board->lock);
    size_t count = board->count;
    memcpy(found, board->rows, count * sizeof board->rows[0]);
    (void)pthread_mutex_unlock(&board->lock);
    return count;
}

/* With the lock held: until news, or that moment; false when it has passed. */
static bool sleep_until(struct outlook_board *board, int64_t until_us)
{
    const struct timespec until = {.tv_sec = until_us / 1000000,
                                   .tv_nsec = until_us % 1000000 * 1000};

    return pthread_cond_timedwait(&board->news, &board->lock, &until) != ETIMEDOUT;
}

bool outlook_board_wait(struct outlook_board *board, const char *perspective,
                        uint64_t generation, int64_t wait_ms, struct outlook *found)
{
    int64_t until_us = clock_monotonic_us() + wait_ms * 1000;
    bool known = false;
    bool awake = true;

    (void)pthread_mutex_lock(&board->lock);
    while (!known && awake) {
        const struct outlook *row = row_of(board, perspective);
        known = row != NULL && row->tried && row->generation >= generation;
        if (known)
            *found = *row;
        else
            awake = sleep_until(board, until_us);
    }
    (void)pthread_mutex_unlock(&board->lock);
    return known;
}

enum err outlook_board_reload(struct outlook_board *board, uint64_t *generation,
                              struct err_info *why)
{
    int64_t until_us = clock_monotonic_us() + OUTLOOK_RELOAD_MS * 1000LL;
    enum err result = ERR_OK;
    bool awake = true;

    (void)pthread_mutex_lock(&board->lock);
    uint64_t id = ++board->reload_id;
    (void)pthread_mutex_unlock(&board->lock);
    if (!board->reload(board->context, id))
        return err_set(why, ERR_UNAVAILABLE, "the supervisor cannot be asked to reload");
    (void)pthread_mutex_lock(&board->lock);
    while (board->answered_id != id && awake)
        awake = sleep_until(board, until_us);
    if (board->answered_id != id)
        result = err_set(why, ERR_TIMEOUT, "the supervisor did not answer");
    else if (board->generation == 0)
        result = err_set(why, ERR_CONFIG, "%s", board->detail);
    else
        *generation = board->generation;
    (void)pthread_mutex_unlock(&board->lock);
    return result;
}
