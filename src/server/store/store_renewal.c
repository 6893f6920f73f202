/* Rows that say when certificates are to be renewed, and by which order they are. */
#include "server/store/store_renewal.h"
#include "server/store/store_private.h"

static enum err from_row(sqlite3_stmt *q, struct arena *a, struct store_renewal *row,
                         struct err_info *why)
{
    store_issuance_from_row(q, a, &row->issuance);
    row->issuance.certificate = store_connection_blob(q, STORE_ISSUANCE_COLUMNS, a);
    struct span identifiers = store_connection_blob(q, STORE_ISSUANCE_COLUMNS + 1, a);
    const char *profile = store_connection_text(q, STORE_ISSUANCE_COLUMNS + 2, a);
    row->profile = profile != NULL ? profile : "";
    row->revocation.at = sqlite3_column_int64(q, STORE_ISSUANCE_COLUMNS + 3);
    row->revocation.reason = row->revocation.at != 0
                                 ? sqlite3_column_int(q, STORE_ISSUANCE_COLUMNS + 4)
                                 : STORE_REASON_NONE;
    row->replaced = sqlite3_column_int(q, STORE_ISSUANCE_COLUMNS + 5) != 0;
    row->is_star = sqlite3_column_int(q, STORE_ISSUANCE_COLUMNS + 6) != 0;
    return store_order_identifiers(identifiers, a, &row->identifiers,
                                   &row->identifier_count, why);
}

static enum err by_serial(struct store_connection *c, struct arena *a, struct span serial,
                          struct store_renewal **row, struct err_info *why)
{
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_RENEWAL_BY_SERIAL);
    bool found = false;

    store_connection_bind_span(q, 1, serial);
    TRY(store_connection_next(c, q, &found, why));
    if (!found)
        return err_set(why, ERR_NOT_FOUND, "there is no such certificate");
    struct store_renewal *made = arena_get(a, sizeof *made);
    enum err result = from_row(q, a, made, why);
    sqlite3_reset(q);
    TRY(result);
    *row = made;
    return ERR_OK;
}

enum err store_renewal_by_serial(struct store_session *s, struct arena *a,
                                 struct span serial, struct store_renewal **row,
                                 struct err_info *why)
{
    return store_read_end(s, by_serial(store_read_begin(s), a, serial, row, why));
}

static enum err after_id(struct store_connection *c, struct arena *a, int64_t after,
                         size_t max, struct store_renewal **rows, size_t *count,
                         struct err_info *why)
{
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_RENEWALS_AFTER);
    struct store_renewal *list = arena_array(a, max, sizeof *list);
    size_t used = 0;
    bool more = true;

    sqlite3_bind_int64(q, 1, after);
    sqlite3_bind_int64(q, 2, (int64_t)max);
    TRY(store_connection_next(c, q, &more, why));
    while (more) {
        enum err result = from_row(q, a, &list[used++], why);
        if (result != ERR_OK) {
            sqlite3_reset(q);
            return result;
        }
        TRY(store_connection_next(c, q, &more, why));
    }
    *rows = list;
    *count = used;
    return ERR_OK;
}

enum err store_renewals_after(struct store_session *s, struct arena *a, int64_t after,
                              size_t max, struct store_renewal **rows, size_t *count,
                              struct err_info *why)
{
    return store_read_end(s,
                          after_id(store_read_begin(s), a, after, max, rows, count, why));
}

/* May another order replace the certificate? An order that was removed came to nothing,
 * or its certificate has ended, as the one it replaced then has. */
static enum err check_free(struct store_connection *c,
                           const struct store_replacing *replacing, struct err_info *why)
{
    AUTO(arena) struct arena *a = arena_new();
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_REPLACEMENT_OF);
    struct store_order *other = NULL;
    bool found = false;

    sqlite3_bind_int64(q, 1, replacing->issuance_id);
    TRY(store_connection_next(c, q, &found, why));
    if (!found)
        return ERR_OK;
    int64_t id = sqlite3_column_int64(q, 0);
    sqlite3_reset(q);
    enum err result = store_order_load(c, a, id, &other, why);
    if (result == ERR_NOT_FOUND ||
        (result == ERR_OK && replacing->is_over(other, replacing->now)))
        return ERR_OK;
    return result != ERR_OK
               ? result
               : err_set(why, ERR_CONFLICT, "order %lld replaces the certificate already",
                         (long long)id);
}

static enum err add_replacing(struct store_connection *c, struct arena *a,
                              struct store_order *order, const struct store_reuse *reuse,
                              const struct store_replacing *replacing,
                              struct err_info *why)
{
    TRY(check_free(c, replacing, why));
    TRY(store_order_insert(c, a, order, reuse, why));
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_REPLACEMENT_SET);
    sqlite3_bind_int64(q, 1, replacing->issuance_id);
    sqlite3_bind_int64(q, 2, order->id);
    return store_connection_do(c, q, why);
}

enum err store_order_add_replacing(struct store_session *s, struct arena *a,
                                   struct store_order *order,
                                   const struct store_reuse *reuse,
                                   const struct store_replacing *replacing,
                                   struct err_info *why)
{
    enum err result = store_batch_begin(s, why);

    if (result == ERR_OK)
        result = add_replacing(&s->store->writer, a, order, reuse, replacing, why);
    return store_batch_end(s, result);
}
