/* Issuances by id, key and serial, whatever became of them. */
#include "server/store/store_search.h"

#include "server/store/store_private.h"

static void from_row(sqlite3_stmt *q, struct arena *a, struct store_found *row)
{
    store_issuance_from_row(q, a, &row->issuance);
    row->issuance.tbs = store_connection_blob(q, STORE_ISSUANCE_COLUMNS, a);
    row->revocation.at = sqlite3_column_int64(q, STORE_ISSUANCE_COLUMNS + 1);
    row->revocation.reason = row->revocation.at != 0
                                 ? sqlite3_column_int(q, STORE_ISSUANCE_COLUMNS + 2)
                                 : STORE_REASON_NONE;
}

/* All rows of a query that is bound, at most `max`. */
enum err store_search_rows(struct store_connection *c, sqlite3_stmt *q, struct arena *a,
                           size_t max, struct store_found **rows, size_t *count,
                           struct err_info *why)
{
    struct store_found *list = arena_array(a, max, sizeof *list);
    size_t used = 0;
    bool more = true;

    while (more) {
        TRY(store_connection_next(c, q, &more, why));
        if (more && used < max)
            from_row(q, a, &list[used++]);
    }
    *rows = list;
    *count = used;
    return ERR_OK;
}

static enum err newest(struct store_connection *c, int64_t *id, struct err_info *why)
{
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_SEARCH_NEWEST);
    bool found = false;

    TRY(store_connection_next(c, q, &found, why));
    *id = found ? sqlite3_column_int64(q, 0) : 0;
    if (found)
        sqlite3_reset(q);
    return ERR_OK;
}

enum err store_search_newest(struct store_session *s, int64_t *id, struct err_info *why)
{
    return store_read_end(s, newest(store_read_begin(s), id, why));
}

static enum err range(struct store_connection *c, struct arena *a,
                      const struct store_search *search, int64_t after, int64_t last,
                      struct store_found **rows, size_t *count, struct err_info *why)
{
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_SEARCH_RANGE);

    sqlite3_bind_int64(q, 1, after);
    sqlite3_bind_int64(q, 2, last);
    sqlite3_bind_int64(q, 3, search->account_id);
    sqlite3_bind_int64(q, 4, search->begun_from);
    sqlite3_bind_int64(q, 5, search->begun_before);
    sqlite3_bind_int64(q, 6, search->incident_id);
    return store_search_rows(c, q, a, STORE_SEARCH_SPAN, rows, count, why);
}

enum err store_search_range(struct store_session *s, struct arena *a,
                            const struct store_search *search, int64_t after,
                            int64_t last, struct store_found **rows, size_t *count,
                            struct err_info *why)
{
    return store_read_end(
        s, range(store_read_begin(s), a, search, after, last, rows, count, why));
}

static enum err by_key(struct store_connection *c, struct arena *a,
                       const uint8_t *key_hash, int64_t after, size_t max,
                       struct store_found **rows, size_t *count, struct err_info *why)
{
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_SEARCH_KEY);

    store_connection_bind_span(q, 1, span_make(key_hash, STORE_HASH_SIZE));
    sqlite3_bind_int64(q, 2, after);
    sqlite3_bind_int64(q, 3, (int64_t)max);
    return store_search_rows(c, q, a, max, rows, count, why);
}

enum err store_search_key(struct store_session *s, struct arena *a,
                          const uint8_t key_hash[STORE_HASH_SIZE], int64_t after,
                          size_t max, struct store_found **rows, size_t *count,
                          struct err_info *why)
{
    return store_read_end(
        s, by_key(store_read_begin(s), a, key_hash, after, max, rows, count, why));
}

static enum err by_serial(struct store_connection *c, struct arena *a, struct span serial,
                          struct store_found **row, struct err_info *why)
{
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_SEARCH_SERIAL);
    size_t count = 0;

    store_connection_bind_span(q, 1, serial);
    TRY(store_search_rows(c, q, a, 1, row, &count, why));
    return count == 1 ? ERR_OK : err_set(why, ERR_NOT_FOUND, "there is no such serial");
}

enum err store_search_serial(struct store_session *s, struct arena *a, struct span serial,
                             struct store_found **row, struct err_info *why)
{
    return store_read_end(s, by_serial(store_read_begin(s), a, serial, row, why));
}
