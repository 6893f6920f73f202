/* Authorizations by id, issuances of an order: backwards. */
#include "server/store/store_evidence.h"

#include "server/store/store_private.h"

/* The newest one before that id: its id, and when it was made; 0 if there is none. */
static enum err newest_before(struct store_connection *c, int64_t before, int64_t *id,
                              int64_t *created, struct err_info *why)
{
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_AUTHZ_NEWEST_BEFORE);
    bool found = false;

    *id = 0;
    *created = 0;
    sqlite3_bind_int64(q, 1, before);
    TRY(store_connection_next(c, q, &found, why));
    if (!found)
        return ERR_OK;
    *id = sqlite3_column_int64(q, 0);
    *created = sqlite3_column_int64(q, 1);
    sqlite3_reset(q);
    return ERR_OK;
}

static enum err list(struct store_connection *c, struct arena *a,
                     const struct store_evidence_filter *filter, int64_t before,
                     size_t max, struct store_authz **rows, size_t *count, int64_t *next,
                     struct err_info *why)
{
    struct store_authz *found = arena_array(a, max, sizeof *found);
    int64_t newest = 0;
    int64_t created = 0;
    size_t used = 0;
    bool more = true;

    *rows = found;
    *count = 0;
    *next = 0;
    TRY(newest_before(c, before, &newest, &created, why));
    if (newest == 0 || created < filter->since)
        return ERR_OK;
    int64_t first = newest > STORE_EVIDENCE_SPAN ? newest - STORE_EVIDENCE_SPAN : 0;
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_AUTHZ_LIST);
    sqlite3_bind_int64(q, 1, first);
    sqlite3_bind_int64(q, 2, newest);
    sqlite3_bind_int64(q, 3, filter->account_id);
    store_connection_bind_text(q, 4, filter->value);
    sqlite3_bind_int64(q, 5, filter->since);
    sqlite3_bind_int64(q, 6, (int64_t)max);
    while (more) {
        TRY(store_connection_next(c, q, &more, why));
        if (more && used < max)
            store_authz_from_row(q, a, &found[used++]);
    }
    *count = used;
    *next = used == max ? found[used - 1].id : first + 1;
    if (*next == 1)
        *next = 0;
    return ERR_OK;
}

enum err store_evidence_list(struct store_session *s, struct arena *a,
                             const struct store_evidence_filter *filter, int64_t before,
                             size_t max, struct store_authz **rows, size_t *count,
                             int64_t *next, struct err_info *why)
{
    return store_read_end(
        s, list(store_read_begin(s), a, filter, before, max, rows, count, next, why));
}

static enum err list_issuances(struct store_connection *c, struct arena *a,
                               int64_t order_id, size_t max, struct store_issuance **rows,
                               size_t *count, struct err_info *why)
{
    struct store_issuance *found = arena_array(a, max, sizeof *found);
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_ISSUANCES_OF_ORDER);
    size_t used = 0;
    bool more = true;

    sqlite3_bind_int64(q, 1, order_id);
    sqlite3_bind_int64(q, 2, (int64_t)max);
    while (more) {
        TRY(store_connection_next(c, q, &more, why));
        if (more && used < max)
            store_issuance_from_row(q, a, &found[used++]);
    }
    *rows = found;
    *count = used;
    return ERR_OK;
}

enum err store_evidence_issuances(struct store_session *s, struct arena *a,
                                  int64_t order_id, size_t max,
                                  struct store_issuance **rows, size_t *count,
                                  struct err_info *why)
{
    return store_read_end(
        s, list_issuances(store_read_begin(s), a, order_id, max, rows, count, why));
}
