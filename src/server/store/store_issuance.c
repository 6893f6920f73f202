/* Rows of issuances. State: 0 begun, 1 finished, 2 abandoned. */
#include <string.h>

#include "server/store/store_private.h"

enum { BEGUN = 0, FINISHED = 1, ABANDONED = 2 };

void store_issuance_from_row(sqlite3_stmt *q, struct store_issuance *issuance)
{
    const void *serial = sqlite3_column_blob(q, 3);
    size_t serial_len = (size_t)sqlite3_column_bytes(q, 3);

    issuance->id = sqlite3_column_int64(q, 0);
    issuance->order_id = sqlite3_column_int64(q, 1);
    issuance->account_id = sqlite3_column_int64(q, 2);
    if (serial != NULL && serial_len <= STORE_SERIAL_MAX) {
        memcpy(issuance->serial, serial, serial_len);
        issuance->serial_len = serial_len;
    }
    store_connection_octets(q, 4, issuance->key_hash, STORE_HASH_SIZE);
    store_connection_octets(q, 5, issuance->csr_hash, STORE_HASH_SIZE);
    issuance->begun = sqlite3_column_int64(q, 6);
    issuance->not_after = sqlite3_column_int64(q, 7);
    issuance->finished = sqlite3_column_int(q, 8) == FINISHED;
    issuance->abandoned = sqlite3_column_int(q, 8) == ABANDONED;
}

/* One number from a query with one parameter bound already; -1 if there is no row. */
static enum err one_number(struct store_connection *c, sqlite3_stmt *q, int *number,
                           struct err_info *why)
{
    bool found = false;

    TRY(store_connection_next(c, q, &found, why));
    *number = found ? sqlite3_column_int(q, 0) : -1;
    if (found)
        sqlite3_reset(q);
    return ERR_OK;
}

static enum err begin(struct store_connection *c, struct store_issuance *issuance,
                      struct err_info *why)
{
    int number = 0;

    TRY(store_order_check(c, issuance->order_id, why));
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_ISSUANCE_OF_ORDER);
    sqlite3_bind_int64(q, 1, issuance->order_id);
    TRY(one_number(c, q, &number, why));
    if (number >= 0)
        return err_set(why, ERR_CONFLICT, "the order has an issuance already");
    q = store_connection_statement(c, STATEMENT_ISSUANCE_SERIAL);
    store_connection_bind_span(q, 1, span_make(issuance->serial, issuance->serial_len));
    TRY(one_number(c, q, &number, why));
    if (number >= 0)
        return err_set(why, ERR_CONFLICT, "the serial was used before");
    q = store_connection_statement(c, STATEMENT_ISSUANCE_ADD);
    sqlite3_bind_int64(q, 1, issuance->order_id);
    sqlite3_bind_int64(q, 2, issuance->account_id);
    store_connection_bind_span(q, 3, span_make(issuance->serial, issuance->serial_len));
    store_connection_bind_span(q, 4, issuance->tbs);
    store_connection_bind_span(q, 5, span_make(issuance->key_hash, STORE_HASH_SIZE));
    store_connection_bind_span(q, 6, span_make(issuance->csr_hash, STORE_HASH_SIZE));
    sqlite3_bind_int64(q, 7, issuance->begun);
    sqlite3_bind_int64(q, 8, issuance->not_after);
    TRY(store_connection_do(c, q, why));
    issuance->id = sqlite3_last_insert_rowid(c->db);
    return ERR_OK;
}

enum err store_issuance_begin(struct store_session *s, struct store_issuance *issuance,
                              struct err_info *why)
{
    enum err result = store_batch_begin(s, why);

    if (result == ERR_OK)
        result = begin(&s->store->writer, issuance, why);
    return store_batch_end(s, result);
}

static enum err check_begun(struct store_connection *c, int64_t id, struct err_info *why)
{
    int state = 0;
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_ISSUANCE_STATE);

    sqlite3_bind_int64(q, 1, id);
    TRY(one_number(c, q, &state, why));
    if (state < 0)
        return err_set(why, ERR_NOT_FOUND, "there is no such issuance");
    if (state != BEGUN)
        return err_set(why, ERR_CONFLICT, "the issuance is %s",
                       state == FINISHED ? "finished" : "abandoned");
    return ERR_OK;
}

static enum err set_state(struct store_connection *c, int64_t id, int state,
                          struct err_info *why)
{
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_ISSUANCE_SET_STATE);

    sqlite3_bind_int64(q, 1, id);
    sqlite3_bind_int(q, 2, state);
    return store_connection_do(c, q, why);
}

/* The same few chains stand behind all certificates: each is kept once. */
static enum err chain_id(struct store_connection *c, struct span issuers, int64_t *id,
                         struct err_info *why)
{
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_CHAIN_FIND);
    bool found = false;

    store_connection_bind_span(q, 1, issuers);
    TRY(store_connection_next(c, q, &found, why));
    if (found) {
        *id = sqlite3_column_int64(q, 0);
        sqlite3_reset(q);
        return ERR_OK;
    }
    q = store_connection_statement(c, STATEMENT_CHAIN_ADD);
    store_connection_bind_span(q, 1, issuers);
    TRY(store_connection_do(c, q, why));
    *id = sqlite3_last_insert_rowid(c->db);
    return ERR_OK;
}

static enum err finish(struct store_connection *c, int64_t id, struct span certificate,
                       struct span issuers, struct err_info *why)
{
    int64_t chain = 0;

    TRY(check_begun(c, id, why));
    TRY(chain_id(c, issuers, &chain, why));
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_CERTIFICATE_ADD);
    sqlite3_bind_int64(q, 1, id);
    store_connection_bind_span(q, 2, certificate);
    sqlite3_bind_int64(q, 3, chain);
    TRY(store_connection_do(c, q, why));
    return set_state(c, id, FINISHED, why);
}

enum err store_issuance_finish(struct store_session *s, int64_t id,
                               struct span certificate, struct span issuers,
                               struct err_info *why)
{
    enum err result = store_batch_begin(s, why);

    if (result == ERR_OK)
        result = finish(&s->store->writer, id, certificate, issuers, why);
    return store_batch_end(s, result);
}

enum err store_issuance_abandon(struct store_session *s, int64_t id, struct err_info *why)
{
    enum err result = store_batch_begin(s, why);

    if (result == ERR_OK)
        result = check_begun(&s->store->writer, id, why);
    if (result == ERR_OK)
        result = set_state(&s->store->writer, id, ABANDONED, why);
    return store_batch_end(s, result);
}

static enum err unfinished(struct store_connection *c, struct arena *a, size_t max,
                           struct store_issuance **rows, size_t *count,
                           struct err_info *why)
{
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_ISSUANCE_UNFINISHED);
    struct store_issuance *list = arena_array(a, max, sizeof *list);
    size_t used = 0;
    bool more = true;

    sqlite3_bind_int64(q, 1, (int64_t)max);
    while (more) {
        TRY(store_connection_next(c, q, &more, why));
        if (more && used < max) {
            store_issuance_from_row(q, &list[used]);
            list[used++].tbs = store_connection_blob(q, 9, a);
        }
    }
    *rows = list;
    *count = used;
    return ERR_OK;
}

enum err store_issuances_unfinished(struct store_session *s, struct arena *a, size_t max,
                                    struct store_issuance **rows, size_t *count,
                                    struct err_info *why)
{
    return store_read_end(s, unfinished(store_read_begin(s), a, max, rows, count, why));
}
