/* Rows of issuances. */
#include <string.h>

#include "server/store/store_private.h"
#include "server/store/store_star.h"

/* A short BLOB into `to`; one that does not fit is passed over. */
static size_t octets_at(sqlite3_stmt *q, int column, uint8_t *to, size_t size)
{
    const void *octets = sqlite3_column_blob(q, column);
    size_t len = (size_t)sqlite3_column_bytes(q, column);

    if (octets == NULL || len > size)
        return 0;
    memcpy(to, octets, len);
    return len;
}

void store_issuance_from_row(sqlite3_stmt *q, struct arena *a,
                             struct store_issuance *issuance)
{
    issuance->id = sqlite3_column_int64(q, 0);
    issuance->order_id = sqlite3_column_int64(q, 1);
    issuance->account_id = sqlite3_column_int64(q, 2);
    issuance->serial_len = octets_at(q, 3, issuance->serial, STORE_SERIAL_MAX);
    store_connection_octets(q, 4, issuance->key_hash, STORE_HASH_SIZE);
    store_connection_octets(q, 5, issuance->csr_hash, STORE_HASH_SIZE);
    issuance->begun = sqlite3_column_int64(q, 6);
    issuance->not_after = sqlite3_column_int64(q, 7);
    issuance->finished = sqlite3_column_int(q, 8) == STORE_ISSUANCE_FINISHED;
    issuance->abandoned = sqlite3_column_int(q, 8) == STORE_ISSUANCE_ABANDONED;
    issuance->waiting = sqlite3_column_int(q, 8) == STORE_ISSUANCE_WAITING;
    issuance->issuer_len = octets_at(q, 9, issuance->issuer, STORE_HASH_SIZE);
    issuance->shard = sqlite3_column_int64(q, 10);
    issuance->profile = store_connection_text(q, 11, a);
    issuance->directory = store_connection_text(q, 12, a);
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

/* May the order have its first, and mostly only, certificate? One that waits for its logs
 * makes room. */
static enum err check_order(struct store_connection *c,
                            const struct store_issuance *issuance, bool *waits,
                            struct err_info *why)
{
    bool found = false;

    TRY(store_order_check(c, issuance, why));
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_ISSUANCE_OF_ORDER);
    sqlite3_bind_int64(q, 1, issuance->order_id);
    TRY(store_connection_next(c, q, &found, why));
    if (found) {
        *waits = sqlite3_column_int(q, 8) == STORE_ISSUANCE_WAITING;
        sqlite3_reset(q);
    }
    if (found && !*waits)
        return err_set(why, ERR_CONFLICT, "the order has an issuance already");
    return ERR_OK;
}

static enum err add(struct store_connection *c, struct store_issuance *issuance,
                    struct err_info *why)
{
    int number = 0;

    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_ISSUANCE_SERIAL);
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
    store_connection_bind_span(q, 9, span_make(issuance->issuer, issuance->issuer_len));
    sqlite3_bind_int64(q, 10, issuance->shard);
    store_connection_bind_text(q, 11, issuance->profile != NULL ? issuance->profile : "");
    store_connection_bind_text(q, 12,
                               issuance->directory != NULL ? issuance->directory : "");
    TRY(store_connection_do(c, q, why));
    issuance->id = sqlite3_last_insert_rowid(c->db);
    return ERR_OK;
}

static enum err begin(struct store_connection *c, struct store_issuance *issuance,
                      struct err_info *why)
{
    bool renewal = issuance->star != NULL && issuance->star->spki.len == 0;

    bool waits = false;

    TRY(renewal ? store_star_check(c, issuance, why)
                : check_order(c, issuance, &waits, why));
    TRY(add(c, issuance, why));
    if (waits)
        TRY(store_precertificate_abandon(c, issuance->order_id, why));
    return issuance->star != NULL ? store_star_note(c, issuance, why) : ERR_OK;
}

enum err store_issuance_begin(struct store_session *s, struct store_issuance *issuance,
                              struct err_info *why)
{
    enum err result = store_batch_begin(s, why);

    if (result == ERR_OK)
        result = begin(&s->store->writer, issuance, why);
    return store_batch_end(s, result);
}

/* Keys of own certificates are in memory only: what an earlier process began is over. */
enum err store_issuance_insert_own(struct store_connection *c,
                                   struct store_issuance *issuance, int64_t replaced,
                                   struct err_info *why)
{
    issuance->order_id = 0;
    issuance->account_id = 0;
    TRY(add(c, issuance, why));
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_ISSUANCES_ABANDON_OWN);
    sqlite3_bind_int64(q, 1, issuance->id);
    sqlite3_bind_int64(q, 2, replaced);
    return store_connection_do(c, q, why);
}

enum err store_issuance_begin_own(struct store_session *s,
                                  struct store_issuance *issuance, int64_t replaced,
                                  struct err_info *why)
{
    enum err result = store_batch_begin(s, why);

    if (result == ERR_OK)
        result = store_issuance_insert_own(&s->store->writer, issuance, replaced, why);
    return store_batch_end(s, result);
}

enum err store_issuance_check_begun(struct store_connection *c, int64_t id,
                                    struct err_info *why)
{
    int state = 0;
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_ISSUANCE_STATE);

    sqlite3_bind_int64(q, 1, id);
    TRY(one_number(c, q, &state, why));
    if (state < 0)
        return err_set(why, ERR_NOT_FOUND, "there is no such issuance");
    if (state != STORE_ISSUANCE_BEGUN)
        return err_set(why, ERR_CONFLICT, "the issuance is %s",
                       state == STORE_ISSUANCE_FINISHED  ? "finished"
                       : state == STORE_ISSUANCE_WAITING ? "waiting"
                                                         : "abandoned");
    return ERR_OK;
}

enum err store_issuance_set_state(struct store_connection *c, int64_t id,
                                  enum store_issuance_state state, struct err_info *why)
{
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_ISSUANCE_SET_STATE);

    sqlite3_bind_int64(q, 1, id);
    sqlite3_bind_int(q, 2, (int)state);
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

    TRY(store_issuance_check_begun(c, id, why));
    TRY(store_revocation_look(c, id, why));
    TRY(chain_id(c, issuers, &chain, why));
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_CERTIFICATE_ADD);
    sqlite3_bind_int64(q, 1, id);
    store_connection_bind_span(q, 2, certificate);
    sqlite3_bind_int64(q, 3, chain);
    TRY(store_connection_do(c, q, why));
    return store_issuance_set_state(c, id, STORE_ISSUANCE_FINISHED, why);
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

/* What renews itself is tried again later, what has no certificate yet is not. */
enum err store_issuance_give_up(struct store_connection *c, int64_t id,
                                struct err_info *why)
{
    TRY(store_issuance_check_begun(c, id, why));
    TRY(store_issuance_set_state(c, id, STORE_ISSUANCE_ABANDONED, why));
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_STAR_RETRY);
    sqlite3_bind_int64(q, 1, id);
    return store_connection_do(c, q, why);
}

enum err store_issuance_abandon(struct store_session *s, int64_t id, struct err_info *why)
{
    enum err result = store_batch_begin(s, why);

    if (result == ERR_OK)
        result = store_issuance_give_up(&s->store->writer, id, why);
    return store_batch_end(s, result);
}

/* An order that has a certificate goes on with it. */
static enum err refuse(struct store_connection *c, int64_t id, const char *error,
                       struct err_info *why)
{
    TRY(store_issuance_give_up(c, id, why));
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_ISSUANCE_FAIL_ORDER);
    sqlite3_bind_int64(q, 1, id);
    store_connection_bind_text(q, 2, error);
    return store_connection_do(c, q, why);
}

enum err store_issuance_refuse(struct store_session *s, int64_t id, const char *error,
                               struct err_info *why)
{
    enum err result = store_batch_begin(s, why);

    if (result == ERR_OK)
        result = refuse(&s->store->writer, id, error, why);
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
            store_issuance_from_row(q, a, &list[used]);
            list[used++].tbs = store_connection_blob(q, STORE_ISSUANCE_COLUMNS, a);
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
