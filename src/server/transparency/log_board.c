/* Which logs, and how many. */
#include "server/transparency/log_board.h"

#include <string.h>

#include "core/base/random.h"
#include "server/settings/settings_transparency.h"

enum err log_board_new(struct arena *a, const struct settings *settings,
                       const struct log_board **board, struct err_info *why)
{
    struct log_board *made = arena_get(a, sizeof *made);

    made->settings = settings;
    for (size_t i = 0; i < settings->ct_logs.count; i++) {
        const struct settings_log *log = settings->ct_logs.members[i];
        struct key *key = NULL;
        TRY(key_from_spki(log->spki, &key, why));
        made->logs[made->count++] =
            (struct log_board_log){log, arena_own(a, key, key_drop)};
    }
    *board = made;
    return ERR_OK;
}

/* What the timestamps of some logs come to. */
struct tally {
    int64_t timestamps;
    int64_t operators;
    int64_t classic; /* of logs with the API of RFC 6962 */
};

static bool has_operator(const struct log_board *board, const struct log_board_list *list,
                         const char *operator)
{
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(board->logs[list->places[i]].settings->operator, operator) == 0)
            return true;
    return false;
}

static void add(const struct log_board *board, struct log_board_list *list,
                struct tally *t, size_t place)
{
    const struct settings_log *log = board->logs[place].settings;

    t->timestamps++;
    t->classic += !log->is_static;
    t->operators += !has_operator(board, list, log->operator);
    list->places[list->count++] = place;
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t minimum(const struct log_board *board, int64_t not_before,
                       int64_t not_after)
{
    const struct settings *s = board->settings;

    return not_after - not_before + 1 > SETTINGS_CT_LONG_SECONDS ? s->ct_minimum_long
                                                                 : s->ct_minimum;
}

/* How near it is to what is enough. */
static int64_t worth(const struct log_board *board, const struct tally *t, int64_t enough)
{
    const struct settings *s = board->settings;

    return least(t->timestamps, enough) + least(t->operators, s->ct_operators) +
           least(t->classic, s->ct_rfc6962);
}

bool log_board_suffices(const struct log_board *board, const struct log_board_list *list,
                        int64_t not_before, int64_t not_after)
{
    const struct settings *s = board->settings;
    const int64_t enough = minimum(board, not_before, not_after);
    struct log_board_list seen = {.count = 0};
    struct tally t = {0};

    for (size_t i = 0; i < list->count; i++)
        add(board, &seen, &t, list->places[i]);
    return worth(board, &t, enough) == enough + s->ct_operators + s->ct_rfc6962;
}

static bool takes(const struct settings_log *log, int64_t not_after)
{
    return (log->from == 0 || not_after >= log->from) &&
           (log->before == 0 || not_after < log->before);
}

static void shuffle(struct log_board_list *list)
{
    uint32_t dice[SETTINGS_CT_LOGS_MAX];

    random_fill(dice, sizeof dice);
    for (size_t i = list->count; i > 1; i--) {
        const size_t j = dice[i - 1] % i;
        const size_t kept = list->places[i - 1];
        list->places[i - 1] = list->places[j];
        list->places[j] = kept;
    }
}

/* Of what is left, the one that brings nearest; the first of several. */
static size_t best(const struct log_board *board, const struct log_board_list *list,
                   const struct tally *t, const struct log_board_list *left,
                   int64_t enough)
{
    int64_t most = -1;
    size_t found = 0;

    for (size_t i = 0; i < left->count; i++) {
        struct log_board_list with = *list;
        struct tally then = *t;
        add(board, &with, &then, left->places[i]);
        const int64_t w = worth(board, &then, enough);
        if (w > most) {
            most = w;
            found = i;
        }
    }
    return found;
}

void log_board_choose(const struct log_board *board, const char *profile,
                      int64_t not_before, int64_t not_after, struct log_board_list *list)
{
    const struct settings_profile *p = settings_profile(board->settings, profile);
    const int64_t enough = minimum(board, not_before, not_after);
    struct log_board_list left = {.count = 0};
    struct tally t = {0};

    list->count = 0;
    for (size_t i = 0; p != NULL && i < board->count; i++)
        if (settings_transparency_has(p, board->logs[i].settings) &&
            takes(board->logs[i].settings, not_after))
            left.places[left.count++] = i;
    shuffle(&left);
    while (left.count > 0) {
        const bool done = worth(board, &t, enough) == enough +
                                                          board->settings->ct_operators +
                                                          board->settings->ct_rfc6962;
        const size_t at = done ? 0 : best(board, list, &t, &left, enough);
        add(board, list, &t, left.places[at]);
        memmove(&left.places[at], &left.places[at + 1],
                (left.count - at - 1) * sizeof left.places[0]);
        left.count--;
    }
}
