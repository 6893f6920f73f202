/* A column of two tables, and a table of looks. */
#include "server/store/store_caa.h"

#include "server/store/store_private.h"

static enum err note(struct store_connection *c, enum store_statement statement,
                     int64_t id, int64_t now, struct err_info *why)
{
    sqlite3_stmt *q = store_connection_statement(c, statement);

    sqlite3_bind_int64(q, 1, id);
    sqlite3_bind_int64(q, 2, now);
    TRY(store_connection_do(c, q, why));
    return sqlite3_changes(c->db) > 0
               ? ERR_OK
               : err_set(why, ERR_NOT_FOUND, "there is nothing of that number");
}

enum err store_caa_authz(struct store_session *s, int64_t authz_id, int64_t now,
                         struct err_info *why)
{
    enum err result = store_batch_begin(s, why);

    if (result == ERR_OK)
        result = note(&s->store->writer, STATEMENT_CAA_AUTHZ, authz_id, now, why);
    return store_batch_end(s, result);
}

/* ---- a round ---- */

/* Its number, and the newest issuance of its order. */
static enum err find_place(struct store_connection *c, int64_t order_id, int64_t *number,
                           int64_t *issuance_id, struct err_info *why)
{
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_CAA_ROUND_NEXT);
    bool found = false;

    sqlite3_bind_int64(q, 1, order_id);
    TRY(store_connection_next(c, q, &found, why));
    if (!found)
        return err_set(why, ERR_NOT_FOUND, "there is no such order");
    *number = sqlite3_column_int64(q, 0);
    *issuance_id = sqlite3_column_int64(q, 1);
    sqlite3_reset(q);
    return ERR_OK;
}

static enum err add_looks(struct store_connection *c, const struct store_caa_round *round,
                          int64_t number, int64_t issuance_id, struct err_info *why)
{
    for (size_t i = 0; i < round->count; i++) {
        sqlite3_stmt *q = store_connection_statement(c, STATEMENT_CAA_LOOK_ADD);
        sqlite3_bind_int64(q, 1, round->order_id);
        sqlite3_bind_int64(q, 2, number);
        store_connection_bind_text(q, 3, round->looks[i].name);
        sqlite3_bind_int64(q, 4, round->asked);
        sqlite3_bind_int(q, 5, (int)round->looks[i].outcome);
        sqlite3_bind_int64(q, 6, issuance_id);
        store_connection_bind_text(q, 7, round->looks[i].record);
        TRY(store_connection_do(c, q, why));
    }
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_CAA_LOOKS_DROP);
    sqlite3_bind_int64(q, 1, round->order_id);
    sqlite3_bind_int64(q, 2, number - STORE_CAA_ROUNDS_MAX);
    sqlite3_bind_int64(q, 3, issuance_id);
    return store_connection_do(c, q, why);
}

static enum err draw_conclusions(struct store_connection *c,
                                 const struct store_caa_round *round,
                                 struct err_info *why)
{
    if (round->allowed)
        TRY(note(c, STATEMENT_CAA_ORDER, round->order_id, round->asked, why));
    if (round->error != NULL) {
        sqlite3_stmt *q = store_connection_statement(c, STATEMENT_CAA_REFUSE);
        sqlite3_bind_int64(q, 1, round->order_id);
        store_connection_bind_text(q, 2, round->error);
        TRY(store_connection_do(c, q, why));
    }
    if (round->due_seen != 0) {
        sqlite3_stmt *q = store_connection_statement(c, STATEMENT_STAR_POSTPONE);
        sqlite3_bind_int64(q, 1, round->order_id);
        sqlite3_bind_int64(q, 2, round->due);
        sqlite3_bind_int64(q, 3, round->due_seen);
        TRY(store_connection_do(c, q, why));
    }
    return ERR_OK;
}

static enum err record(struct store_connection *c, const struct store_caa_round *round,
                       struct err_info *why)
{
    int64_t number = 0;
    int64_t issuance_id = 0;

    TRY(find_place(c, round->order_id, &number, &issuance_id, why));
    TRY(add_looks(c, round, number, issuance_id, why));
    return draw_conclusions(c, round, why);
}

enum err store_caa_round(struct store_session *s, const struct store_caa_round *round,
                         struct err_info *why)
{
    enum err result = store_batch_begin(s, why);

    if (result == ERR_OK)
        result = record(&s->store->writer, round, why);
    return store_batch_end(s, result);
}

/* ---- reading ---- */

static void from_row(sqlite3_stmt *q, struct arena *a, struct store_caa_look *look)
{
    look->id = sqlite3_column_int64(q, 0);
    look->order_id = sqlite3_column_int64(q, 1);
    look->round = sqlite3_column_int64(q, 2);
    look->name = store_connection_text(q, 3, a);
    look->asked = sqlite3_column_int64(q, 4);
    look->outcome = (enum store_caa_outcome)sqlite3_column_int(q, 5);
    look->record = store_connection_text(q, 6, a);
}

static enum err list(struct store_connection *c, struct arena *a, int64_t order_id,
                     int64_t before, size_t max, struct store_caa_look **rows,
                     size_t *count, struct err_info *why)
{
    struct store_caa_look *found = arena_array(a, max, sizeof *found);
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_CAA_LOOKS_OF_ORDER);
    size_t used = 0;
    bool more = true;

    sqlite3_bind_int64(q, 1, order_id);
    sqlite3_bind_int64(q, 2, before);
    sqlite3_bind_int64(q, 3, (int64_t)max);
    while (more) {
        TRY(store_connection_next(c, q, &more, why));
        if (more && used < max)
            from_row(q, a, &found[used++]);
    }
    *rows = found;
    *count = used;
    return ERR_OK;
}

enum err store_caa_looks(struct store_session *s, struct arena *a, int64_t order_id,
                         int64_t before, size_t max, struct store_caa_look **rows,
                         size_t *count, struct err_info *why)
{
    return store_read_end(
        s, list(store_read_begin(s), a, order_id, before, max, rows, count, why));
}

static enum err find(struct store_connection *c, struct arena *a, int64_t id,
                     struct store_caa_look **row, struct err_info *why)
{
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_CAA_LOOK_BY_ID);
    bool found = false;

    sqlite3_bind_int64(q, 1, id);
    TRY(store_connection_next(c, q, &found, why));
    if (!found)
        return err_set(why, ERR_NOT_FOUND, "there is no such look at CAA records");
    struct store_caa_look *look = arena_get(a, sizeof *look);
    from_row(q, a, look);
    sqlite3_reset(q);
    *row = look;
    return ERR_OK;
}

enum err store_caa_look_by_id(struct store_session *s, struct arena *a, int64_t id,
                              struct store_caa_look **row, struct err_info *why)
{
    return store_read_end(s, find(store_read_begin(s), a, id, row, why));
}
