/* Rows of auto-renewal orders. */
#include "server/store/store_star.h"

#include "server/store/store_private.h"

enum err store_star_add(struct store_connection *c, int64_t order_id,
                        const struct store_star *star, struct err_info *why)
{
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_STAR_ADD);

    sqlite3_bind_int64(q, 1, order_id);
    sqlite3_bind_int64(q, 2, star->start);
    sqlite3_bind_int64(q, 3, star->end);
    sqlite3_bind_int64(q, 4, star->lifetime);
    sqlite3_bind_int64(q, 5, star->adjust);
    sqlite3_bind_int(q, 6, star->allow_get ? 1 : 0);
    store_connection_bind_span(q, 7, span_make(star->token, sizeof star->token));
    TRY(store_connection_do(c, q, why));
    q = store_connection_statement(c, STATEMENT_ORDER_IS_STAR);
    sqlite3_bind_int64(q, 1, order_id);
    return store_connection_do(c, q, why);
}

enum err store_star_load(struct store_connection *c, struct arena *a, int64_t order_id,
                         struct store_star **row, struct err_info *why)
{
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_STAR_OF);
    bool found = false;

    sqlite3_bind_int64(q, 1, order_id);
    TRY(store_connection_next(c, q, &found, why));
    if (!found)
        return err_set(why, ERR_NOT_FOUND, "there is no such auto-renewal order");
    struct store_star *star = arena_get(a, sizeof *star);
    star->start = sqlite3_column_int64(q, 0);
    star->end = sqlite3_column_int64(q, 1);
    star->lifetime = sqlite3_column_int64(q, 2);
    star->adjust = sqlite3_column_int64(q, 3);
    star->allow_get = sqlite3_column_int(q, 4) != 0;
    store_connection_octets(q, 5, star->token, sizeof star->token);
    star->first = sqlite3_column_int64(q, 6);
    star->due = sqlite3_column_int64(q, 7);
    star->canceled = sqlite3_column_int64(q, 8);
    star->spki = store_connection_blob(q, 9, a);
    sqlite3_reset(q);
    *row = star;
    return ERR_OK;
}

/* The newest issuance that counts must have become a certificate. */
static enum err check_newest(struct store_connection *c, struct arena *a,
                             int64_t order_id, struct err_info *why)
{
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_ISSUANCE_OF_ORDER);
    struct store_issuance newest = {0};
    bool found = false;

    sqlite3_bind_int64(q, 1, order_id);
    TRY(store_connection_next(c, q, &found, why));
    if (found) {
        store_issuance_from_row(q, a, &newest);
        sqlite3_reset(q);
    }
    return newest.finished
               ? ERR_OK
               : err_set(why, ERR_CONFLICT, "the certificate before is not there yet");
}

enum err store_star_check(struct store_connection *c,
                          const struct store_issuance *issuance, struct err_info *why)
{
    AUTO(arena) struct arena *a = arena_new();
    struct store_star *star = NULL;

    TRY(store_star_load(c, a, issuance->order_id, &star, why));
    if (star->canceled != 0 || star->due != issuance->star->seen)
        return err_set(why, ERR_CONFLICT, "the order is not due any more");
    TRY(store_order_check_kept(c, issuance, why));
    return check_newest(c, a, issuance->order_id, why);
}

enum err store_star_note(struct store_connection *c,
                         const struct store_issuance *issuance, struct err_info *why)
{
    const struct store_star_step *step = issuance->star;
    bool is_first = step->spki.len > 0;
    sqlite3_stmt *q = store_connection_statement(c, is_first ? STATEMENT_STAR_BEGIN
                                                             : STATEMENT_STAR_SET_DUE);

    sqlite3_bind_int64(q, 1, issuance->order_id);
    sqlite3_bind_int64(q, 2, step->due);
    if (!is_first)
        return store_connection_do(c, q, why);
    sqlite3_bind_int64(q, 3, step->first);
    store_connection_bind_span(q, 4, step->spki);
    TRY(store_connection_do(c, q, why));
    /* from now on it lives as long as it is renewed */
    q = store_connection_statement(c, STATEMENT_STAR_LIVES);
    sqlite3_bind_int64(q, 1, issuance->order_id);
    return store_connection_do(c, q, why);
}

static enum err list_due(struct store_connection *c, int64_t now, size_t max,
                         int64_t *ids, size_t *count, struct err_info *why)
{
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_STAR_DUE);
    size_t used = 0;
    bool more = true;

    sqlite3_bind_int64(q, 1, now);
    sqlite3_bind_int64(q, 2, (int64_t)max);
    TRY(store_connection_next(c, q, &more, why));
    while (more) {
        ids[used++] = sqlite3_column_int64(q, 0);
        TRY(store_connection_next(c, q, &more, why));
    }
    *count = used;
    return ERR_OK;
}

enum err store_star_due(struct store_session *s, int64_t now, size_t max, int64_t *ids,
                        size_t *count, struct err_info *why)
{
    return store_read_end(s, list_due(store_read_begin(s), now, max, ids, count, why));
}

static enum err postpone(struct store_connection *c, int64_t order_id, int64_t seen,
                         int64_t due, struct err_info *why)
{
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_STAR_POSTPONE);

    sqlite3_bind_int64(q, 1, order_id);
    sqlite3_bind_int64(q, 2, due);
    sqlite3_bind_int64(q, 3, seen);
    TRY(store_connection_do(c, q, why));
    return sqlite3_changes(c->db) > 0
               ? ERR_OK
               : err_set(why, ERR_CONFLICT, "the order is not due any more");
}

enum err store_star_postpone(struct store_session *s, int64_t order_id, int64_t seen,
                             int64_t due, struct err_info *why)
{
    enum err result = store_batch_begin(s, why);

    if (result == ERR_OK)
        result = postpone(&s->store->writer, order_id, seen, due, why);
    return store_batch_end(s, result);
}

static enum err newest_certificate(struct store_connection *c, struct arena *a,
                                   int64_t order_id, struct store_issuance **row,
                                   struct err_info *why)
{
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_STAR_CERTIFICATE);
    bool found = false;

    sqlite3_bind_int64(q, 1, order_id);
    TRY(store_connection_next(c, q, &found, why));
    if (!found)
        return err_set(why, ERR_NOT_FOUND, "the order has no certificate yet");
    struct store_issuance *issuance = arena_get(a, sizeof *issuance);
    store_certificate_from_row(q, a, issuance);
    sqlite3_reset(q);
    *row = issuance;
    return ERR_OK;
}

enum err store_star_certificate(struct store_session *s, struct arena *a,
                                int64_t order_id, struct store_issuance **row,
                                struct err_info *why)
{
    return store_read_end(s,
                          newest_certificate(store_read_begin(s), a, order_id, row, why));
}

static enum err cancel(struct store_connection *c, int64_t order_id, int64_t now,
                       const char *error, struct err_info *why)
{
    AUTO(arena) struct arena *a = arena_new();
    struct store_star *star = NULL;
    struct store_issuance *newest = NULL;

    TRY(store_star_load(c, a, order_id, &star, why));
    if (star->canceled != 0)
        return err_set(why, ERR_CONFLICT, "the order is canceled already");
    enum err result = newest_certificate(c, a, order_id, &newest, why);
    if (result == ERR_NOT_FOUND)
        return err_set(why, ERR_CONFLICT, "the order has no certificate yet");
    TRY(result);
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_STAR_CANCEL);
    sqlite3_bind_int64(q, 1, order_id);
    sqlite3_bind_int64(q, 2, now);
    TRY(store_connection_do(c, q, why));
    q = store_connection_statement(c, STATEMENT_ISSUANCES_ABANDON);
    sqlite3_bind_int64(q, 1, order_id);
    TRY(store_connection_do(c, q, why));
    q = store_connection_statement(c, STATEMENT_ORDER_ENDS);
    sqlite3_bind_int64(q, 1, order_id);
    sqlite3_bind_int64(q, 2, newest->not_after > now ? newest->not_after : now);
    store_connection_bind_text(q, 3, error);
    return store_connection_do(c, q, why);
}

enum err store_star_cancel(struct store_session *s, int64_t order_id, int64_t now,
                           const char *error, struct err_info *why)
{
    enum err result = store_batch_begin(s, why);

    if (result == ERR_OK)
        result = cancel(&s->store->writer, order_id, now, error, why);
    return store_batch_end(s, result);
}

enum err store_star_clock_back(struct store_session *s, int64_t now, struct err_info *why)
{
    enum err result = store_batch_begin(s, why);

    if (result == ERR_OK) {
        sqlite3_stmt *q =
            store_connection_statement(&s->store->writer, STATEMENT_STAR_CLOCK_BACK);
        sqlite3_bind_int64(q, 1, now);
        result = store_connection_do(&s->store->writer, q, why);
    }
    return store_batch_end(s, result);
}
