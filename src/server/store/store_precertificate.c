/* Rows of precertificates. */
#include "server/store/store_precertificate.h"

#include "server/store/store_private.h"

static enum err find(struct store_connection *c, struct arena *a, int64_t id,
                     struct store_precertificate **row, struct err_info *why)
{
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_PRECERTIFICATE_OF);
    bool found = false;

    sqlite3_bind_int64(q, 1, id);
    TRY(store_connection_next(c, q, &found, why));
    if (!found)
        return err_set(why, ERR_NOT_FOUND, "there is no such precertificate");
    struct store_precertificate *made = arena_get(a, sizeof *made);
    made->der = store_connection_blob(q, 0, a);
    made->final = store_connection_blob(q, 1, a);
    sqlite3_reset(q);
    *row = made;
    return ERR_OK;
}

enum err store_precertificate_of(struct store_session *s, struct arena *a,
                                 int64_t issuance_id, struct store_precertificate **row,
                                 struct err_info *why)
{
    return store_read_end(s, find(store_read_begin(s), a, issuance_id, row, why));
}

static enum err add(struct store_connection *c, int64_t id, struct span der,
                    struct err_info *why)
{
    AUTO(arena) struct arena *a = arena_new();
    struct store_precertificate *before = NULL;

    TRY(store_issuance_check_begun(c, id, why));
    enum err result = find(c, a, id, &before, why);
    if (result == ERR_OK)
        return err_set(why, ERR_CONFLICT, "the issuance has a precertificate already");
    if (result != ERR_NOT_FOUND)
        return result;
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_PRECERTIFICATE_ADD);
    sqlite3_bind_int64(q, 1, id);
    store_connection_bind_span(q, 2, der);
    return store_connection_do(c, q, why);
}

enum err store_precertificate_add(struct store_session *s, int64_t issuance_id,
                                  struct span der, struct err_info *why)
{
    enum err result = store_batch_begin(s, why);

    if (result == ERR_OK)
        result = add(&s->store->writer, issuance_id, der, why);
    return store_batch_end(s, result);
}

static enum err stamp(struct store_connection *c, int64_t id, struct span final,
                      struct err_info *why)
{
    AUTO(arena) struct arena *a = arena_new();
    struct store_precertificate *before = NULL;

    TRY(store_issuance_check_begun(c, id, why));
    TRY(store_revocation_look(c, id, why));
    TRY(find(c, a, id, &before, why));
    if (before->final.len > 0)
        return err_set(why, ERR_CONFLICT,
                       "what is made of the precertificate was decided before");
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_PRECERTIFICATE_STAMP);
    sqlite3_bind_int64(q, 1, id);
    store_connection_bind_span(q, 2, final);
    return store_connection_do(c, q, why);
}

enum err store_precertificate_stamp(struct store_session *s, int64_t issuance_id,
                                    struct span final, struct err_info *why)
{
    enum err result = store_batch_begin(s, why);

    if (result == ERR_OK)
        result = stamp(&s->store->writer, issuance_id, final, why);
    return store_batch_end(s, result);
}

/* Has its order a certificate, which this one was to renew? */
static enum err is_renewal(struct store_connection *c, int64_t id, bool *is,
                           struct err_info *why)
{
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_PRECERTIFICATE_RENEWS);
    bool found = false;

    sqlite3_bind_int64(q, 1, id);
    TRY(store_connection_next(c, q, &found, why));
    *is = found;
    if (found)
        sqlite3_reset(q);
    return ERR_OK;
}

static enum err suspend(struct store_connection *c, int64_t id, struct err_info *why)
{
    bool renews = false;

    TRY(store_issuance_check_begun(c, id, why));
    TRY(is_renewal(c, id, &renews, why));
    return renews ? store_issuance_give_up(c, id, why)
                  : store_issuance_set_state(c, id, STORE_ISSUANCE_WAITING, why);
}

enum err store_precertificate_suspend(struct store_session *s, int64_t issuance_id,
                                      struct err_info *why)
{
    enum err result = store_batch_begin(s, why);

    if (result == ERR_OK)
        result = suspend(&s->store->writer, issuance_id, why);
    return store_batch_end(s, result);
}

static enum err resume(struct store_connection *c, const struct store_issuance *issuance,
                       struct err_info *why)
{
    TRY(store_order_check(c, issuance, why));
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_PRECERTIFICATE_RESUME);
    sqlite3_bind_int64(q, 1, issuance->id);
    store_connection_bind_span(q, 2, span_make(issuance->csr_hash, STORE_HASH_SIZE));
    TRY(store_connection_do(c, q, why));
    return sqlite3_changes(c->db) == 1
               ? ERR_OK
               : err_set(why, ERR_CONFLICT,
                         "the issuance does not wait any more, or was revoked");
}

enum err store_precertificate_resume(struct store_session *s,
                                     const struct store_issuance *issuance,
                                     struct err_info *why)
{
    enum err result = store_batch_begin(s, why);

    if (result == ERR_OK)
        result = resume(&s->store->writer, issuance, why);
    return store_batch_end(s, result);
}

enum err store_precertificate_abandon(struct store_connection *c, int64_t order_id,
                                      struct err_info *why)
{
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_PRECERTIFICATE_ABANDON);

    sqlite3_bind_int64(q, 1, order_id);
    return store_connection_do(c, q, why);
}
