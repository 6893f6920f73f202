/* Rows of certificates: a finished issuance with what was issued. */
#include "server/store/store_private.h"

void store_certificate_from_row(sqlite3_stmt *q, struct arena *a,
                                struct store_issuance *issuance)
{
    store_issuance_from_row(q, a, issuance);
    issuance->certificate = store_connection_blob(q, STORE_ISSUANCE_COLUMNS, a);
    issuance->issuers = store_connection_blob(q, STORE_ISSUANCE_COLUMNS + 1, a);
}

static enum err by_id(struct store_connection *c, struct arena *a, int64_t id,
                      struct store_issuance **row, struct err_info *why)
{
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_CERTIFICATE_BY_ID);
    bool found = false;

    sqlite3_bind_int64(q, 1, id);
    TRY(store_connection_next(c, q, &found, why));
    if (found) {
        *row = arena_get(a, sizeof **row);
        store_certificate_from_row(q, a, *row);
        sqlite3_reset(q);
    }
    return found ? ERR_OK : err_set(why, ERR_NOT_FOUND, "there is no such certificate");
}

enum err store_certificate_by_id(struct store_session *s, struct arena *a, int64_t id,
                                 struct store_issuance **row, struct err_info *why)
{
    return store_read_end(s, by_id(store_read_begin(s), a, id, row, why));
}
