/* Housekeeping by id: no index is needed for it, and none is paid for by those who
 * issue. */
#include "server/store/store_sweep.h"

#include <string.h>

#include "server/store/store_private.h"

#define CLOCK_NOISE                                                                      \
    86400 /* seconds a row may be ahead of the clock and count as young                  \
           */

void store_sweep_tick(struct store_sweep *sweep, int64_t elapsed, int64_t wall)
{
    int64_t ahead = sweep->clock + elapsed * STORE_SWEEP_HASTE;

    sweep->clock = ahead < wall ? ahead : wall;
}

/* The one row of a query without parameters: `count` numbers; false if there is none. */
static enum err read_numbers(struct store_connection *c, enum store_statement which,
                             int64_t *numbers, int count, bool *found,
                             struct err_info *why)
{
    sqlite3_stmt *q = store_connection_statement(c, which);

    TRY(store_connection_next(c, q, found, why));
    for (int i = 0; *found && i < count; i++)
        numbers[i] = sqlite3_column_int64(q, i);
    if (*found)
        sqlite3_reset(q);
    return ERR_OK;
}

static enum err load(struct store_connection *c, struct store_sweep *sweep,
                     struct err_info *why)
{
    int64_t kept[3] = {0};
    int64_t newest = 0;
    bool found = false;

    TRY(read_numbers(c, STATEMENT_SWEEP_GET, kept, 3, &found, why));
    if (!found) {
        TRY(read_numbers(c, STATEMENT_ORDER_NEWEST, &newest, 1, &found, why));
        kept[0] = found ? newest : 0;
    }
    sweep->clock = kept[0];
    sweep->orders = kept[1];
    sweep->authzs = kept[2];
    return ERR_OK;
}

enum err store_sweep_load(struct store_session *s, struct store_sweep *sweep,
                          struct err_info *why)
{
    return store_read_end(s, load(store_read_begin(s), sweep, why));
}

static enum err save(struct store_connection *c, const struct store_sweep *sweep,
                     struct err_info *why)
{
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_SWEEP_SET);

    sqlite3_bind_int64(q, 1, sweep->clock);
    sqlite3_bind_int64(q, 2, sweep->orders);
    sqlite3_bind_int64(q, 3, sweep->authzs);
    return store_connection_do(c, q, why);
}

/* One of the two tables. */
struct table {
    enum store_statement span;
    enum store_statement remove;
    enum store_statement with[3]; /* what goes with rows that are gone */
    size_t with_count;
    int64_t retention;
};

/* Remove what is over among the rows behind `*cursor`, which is moved behind them. */
static enum err walk(struct store_connection *c, const struct table *table, int64_t clock,
                     size_t rows, int64_t *cursor, size_t *removed, bool *over,
                     struct err_info *why)
{
    int64_t limit = clock - table->retention;
    sqlite3_stmt *q = store_connection_statement(c, table->span);
    bool found = false;

    sqlite3_bind_int64(q, 1, *cursor);
    sqlite3_bind_int64(q, 2, (int64_t)rows);
    sqlite3_bind_int64(q, 3, limit);
    sqlite3_bind_int64(q, 4, clock + CLOCK_NOISE);
    TRY(store_connection_next(c, q, &found, why));
    int64_t seen = found ? sqlite3_column_int64(q, 0) : 0;
    int64_t last = found ? sqlite3_column_int64(q, 1) : 0;
    bool young = found && sqlite3_column_int(q, 2) != 0;
    if (found)
        sqlite3_reset(q);
    *over = young || seen < (int64_t)rows;
    if (seen == 0)
        return ERR_OK;
    q = store_connection_statement(c, table->remove);
    sqlite3_bind_int64(q, 1, *cursor);
    sqlite3_bind_int64(q, 2, last);
    sqlite3_bind_int64(q, 3, limit);
    TRY(store_connection_do(c, q, why));
    *removed = (size_t)sqlite3_changes(c->db);
    for (size_t i = 0; *removed > 0 && i < table->with_count; i++) {
        q = store_connection_statement(c, table->with[i]);
        sqlite3_bind_int64(q, 1, *cursor);
        sqlite3_bind_int64(q, 2, last);
        TRY(store_connection_do(c, q, why));
    }
    *cursor = last;
    return ERR_OK;
}

/* What orders that are gone replaced: another may, and nobody asks who did. */
static enum err forget_replacements(struct store_connection *c, int64_t after,
                                    int64_t last, struct err_info *why)
{
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_SWEEP_REPLACEMENTS);

    sqlite3_bind_int64(q, 1, after);
    sqlite3_bind_int64(q, 2, last);
    return store_connection_do(c, q, why);
}

/* The end of the next rows behind `from`; false: there are no more than `rows`. */
static enum err listed_span(struct store_connection *c,
                            const struct store_sweep_listed *from, size_t rows,
                            struct store_sweep_listed *to, bool *found,
                            struct err_info *why)
{
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_SWEEP_LISTED_SPAN);

    store_connection_bind_span(q, 1, span_make(from->issuer, from->issuer_len));
    sqlite3_bind_int64(q, 2, from->shard);
    sqlite3_bind_int64(q, 3, from->issuance_id);
    sqlite3_bind_int64(q, 4, (int64_t)rows - 1);
    TRY(store_connection_next(c, q, found, why));
    if (!*found)
        return ERR_OK;
    size_t len = (size_t)sqlite3_column_bytes(q, 0);
    const void *issuer = sqlite3_column_blob(q, 0);
    *to = (struct store_sweep_listed){.shard = sqlite3_column_int64(q, 1),
                                      .issuance_id = sqlite3_column_int64(q, 2)};
    to->issuer_len = len < sizeof to->issuer ? len : sizeof to->issuer;
    memcpy(to->issuer, issuer != NULL ? issuer : "", to->issuer_len);
    sqlite3_reset(q);
    return ERR_OK;
}

static enum err sweep_listed(struct store_connection *c, int64_t clock, size_t rows,
                             struct store_sweep_listed *at, size_t *removed,
                             struct err_info *why)
{
    struct store_sweep_listed last = {0};
    bool found = false;

    if (at->over)
        return ERR_OK;
    TRY(listed_span(c, at, rows, &last, &found, why));
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_SWEEP_LISTED);
    store_connection_bind_span(q, 1, span_make(at->issuer, at->issuer_len));
    sqlite3_bind_int64(q, 2, at->shard);
    sqlite3_bind_int64(q, 3, at->issuance_id);
    store_connection_bind_span(q, 4, span_make(last.issuer, last.issuer_len));
    sqlite3_bind_int64(q, 5, last.shard);
    sqlite3_bind_int64(q, 6, last.issuance_id);
    sqlite3_bind_int64(q, 7, clock - STORE_SWEEP_LISTED);
    sqlite3_bind_int64(q, 8, STORE_SWEEP_LISTED);
    TRY(store_connection_do(c, q, why));
    *removed = (size_t)sqlite3_changes(c->db);
    *at = last;
    at->over = !found;
    return ERR_OK;
}

static enum err step(struct store_connection *c, struct store_sweep *sweep,
                     const struct store_sweep_limits *limits,
                     struct store_sweep_result *result, struct err_info *why)
{
    const struct table orders = {
        STATEMENT_SWEEP_ORDERS_SPAN,
        STATEMENT_SWEEP_ORDERS,
        {STATEMENT_SWEEP_STARS, STATEMENT_SWEEP_CAA, STATEMENT_SWEEP_DEVICES},
        3,
        limits->order_retention};
    const struct table authzs = {STATEMENT_SWEEP_AUTHZS_SPAN,
                                 STATEMENT_SWEEP_AUTHZS,
                                 {STATEMENT_SWEEP_ATTESTATIONS},
                                 1,
                                 limits->authz_retention};
    struct store_sweep at = *sweep;
    struct store_sweep_result done = {0};
    bool orders_over = false;
    bool authzs_over = false;

    TRY(walk(c, &orders, at.clock, limits->rows, &at.orders, &done.orders, &orders_over,
             why));
    if (done.orders > 0)
        TRY(forget_replacements(c, sweep->orders, at.orders, why));
    TRY(walk(c, &authzs, at.clock, limits->rows, &at.authzs, &done.authzs, &authzs_over,
             why));
    TRY(sweep_listed(c, at.clock, limits->rows, &at.listed, &done.listed, why));
    done.round_over = orders_over && authzs_over && at.listed.over;
    if (done.round_over) {
        at.orders = 0;
        at.authzs = 0;
        at.listed = (struct store_sweep_listed){0};
    }
    if (done.round_over || done.orders > 0 || done.authzs > 0)
        TRY(save(c, &at, why));
    *sweep = at;
    *result = done;
    return ERR_OK;
}

enum err store_sweep_step(struct store_session *s, struct store_sweep *sweep,
                          const struct store_sweep_limits *limits,
                          struct store_sweep_result *result, struct err_info *why)
{
    enum err outcome = store_batch_begin(s, why);

    if (outcome == ERR_OK)
        outcome = step(&s->store->writer, sweep, limits, result, why);
    return store_batch_end(s, outcome);
}
