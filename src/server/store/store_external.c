/* Rows of external account keys. */
#include "server/store/store_private.h"

static void from_row(sqlite3_stmt *q, struct arena *a, struct store_external_key *key)
{
    key->id = sqlite3_column_int64(q, 0);
    key->kid = store_connection_text(q, 1, a);
    key->secret = store_connection_blob(q, 2, a);
    key->label = store_connection_text(q, 3, a);
    key->policy = store_connection_text(q, 4, a);
    key->created = sqlite3_column_int64(q, 5);
    key->expires = sqlite3_column_int64(q, 6);
    key->revoked = sqlite3_column_int64(q, 7);
    key->uses = sqlite3_column_int64(q, 8);
    key->uses_most = sqlite3_column_int64(q, 9);
}

static enum err read_one(struct store_connection *c, sqlite3_stmt *q, struct arena *a,
                         struct store_external_key **row, struct err_info *why)
{
    bool found = false;

    TRY(store_connection_next(c, q, &found, why));
    if (!found)
        return err_set(why, ERR_NOT_FOUND, "there is no such external account key");
    struct store_external_key *key = arena_get(a, sizeof *key);
    from_row(q, a, key);
    sqlite3_reset(q);
    *row = key;
    return ERR_OK;
}

static enum err by_kid(struct store_connection *c, struct arena *a, const char *kid,
                       struct store_external_key **row, struct err_info *why)
{
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_EXTERNAL_BY_KID);

    store_connection_bind_text(q, 1, kid);
    return read_one(c, q, a, row, why);
}

enum err store_external_by_kid(struct store_session *s, struct arena *a, const char *kid,
                               struct store_external_key **row, struct err_info *why)
{
    return store_read_end(s, by_kid(store_read_begin(s), a, kid, row, why));
}

static enum err by_id(struct store_connection *c, struct arena *a, int64_t id,
                      struct store_external_key **row, struct err_info *why)
{
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_EXTERNAL_BY_ID);

    sqlite3_bind_int64(q, 1, id);
    return read_one(c, q, a, row, why);
}

enum err store_external_by_id(struct store_session *s, struct arena *a, int64_t id,
                              struct store_external_key **row, struct err_info *why)
{
    return store_read_end(s, by_id(store_read_begin(s), a, id, row, why));
}

static enum err list(struct store_connection *c, struct arena *a, int64_t after,
                     size_t max, struct store_external_key **rows, size_t *count,
                     struct err_info *why)
{
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_EXTERNAL_LIST);
    struct store_external_key *found = arena_array(a, max + 1, sizeof *found);
    size_t n = 0;
    bool row = false;

    sqlite3_bind_int64(q, 1, after);
    sqlite3_bind_int64(q, 2, (int64_t)max);
    TRY(store_connection_next(c, q, &row, why));
    while (row && n < max) {
        from_row(q, a, &found[n++]);
        TRY(store_connection_next(c, q, &row, why));
    }
    sqlite3_reset(q);
    *rows = found;
    *count = n;
    return ERR_OK;
}

enum err store_external_list(struct store_session *s, struct arena *a, int64_t after,
                             size_t max, struct store_external_key **rows, size_t *count,
                             struct err_info *why)
{
    return store_read_end(s, list(store_read_begin(s), a, after, max, rows, count, why));
}

static enum err accounts(struct store_connection *c, int64_t id, int64_t after,
                         size_t max, int64_t *ids, size_t *count, struct err_info *why)
{
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_EXTERNAL_ACCOUNTS);
    size_t n = 0;
    bool row = false;

    sqlite3_bind_int64(q, 1, id);
    sqlite3_bind_int64(q, 2, after);
    sqlite3_bind_int64(q, 3, (int64_t)max);
    TRY(store_connection_next(c, q, &row, why));
    while (row && n < max) {
        ids[n++] = sqlite3_column_int64(q, 0);
        TRY(store_connection_next(c, q, &row, why));
    }
    sqlite3_reset(q);
    *count = n;
    return ERR_OK;
}

enum err store_external_accounts(struct store_session *s, int64_t id, int64_t after,
                                 size_t max, int64_t *ids, size_t *count,
                                 struct err_info *why)
{
    return store_read_end(s,
                          accounts(store_read_begin(s), id, after, max, ids, count, why));
}

/* ---- changes ---- */

static enum err add(struct store_connection *c, const struct store_external_key *key,
                    struct err_info *why)
{
    AUTO(arena) struct arena *a = arena_new();
    struct store_external_key *taken = NULL;
    enum err result = by_kid(c, a, key->kid, &taken, why);

    if (result == ERR_OK)
        return err_set(why, ERR_CONFLICT, "there is an external account key \"%s\"",
                       key->kid);
    if (result != ERR_NOT_FOUND)
        return result;
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_EXTERNAL_ADD);
    store_connection_bind_text(q, 1, key->kid);
    store_connection_bind_span(q, 2, key->secret);
    store_connection_bind_text(q, 3, key->label);
    store_connection_bind_text(q, 4, key->policy);
    sqlite3_bind_int64(q, 5, key->created);
    sqlite3_bind_int64(q, 6, key->expires);
    sqlite3_bind_int64(q, 7, key->uses_most);
    return store_connection_do(c, q, why);
}

enum err store_external_add(struct store_session *s, const struct store_external_key *key,
                            struct err_info *why)
{
    enum err result = store_batch_begin(s, why);

    if (result == ERR_OK)
        result = add(&s->store->writer, key, why);
    return store_batch_end(s, result);
}

enum err store_external_use(struct store_connection *c, int64_t id, int64_t now,
                            struct err_info *why)
{
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_EXTERNAL_STATE);
    bool found = false;

    sqlite3_bind_int64(q, 1, id);
    TRY(store_connection_next(c, q, &found, why));
    if (!found)
        return err_set(why, ERR_NOT_FOUND, "there is no such external account key");
    int64_t expires = sqlite3_column_int64(q, 0);
    bool revoked = sqlite3_column_int64(q, 1) != 0;
    int64_t uses = sqlite3_column_int64(q, 2);
    int64_t most = sqlite3_column_int64(q, 3);
    sqlite3_reset(q);
    if (revoked)
        return err_set(why, ERR_CONFLICT, "the external account key is revoked");
    if (expires != 0 && now >= expires)
        return err_set(why, ERR_CONFLICT, "the external account key has expired");
    if (most != 0 && uses >= most)
        return err_set(why, ERR_CONFLICT,
                       "the external account key has been used for as many accounts as "
                       "it is good for");
    q = store_connection_statement(c, STATEMENT_EXTERNAL_USE);
    sqlite3_bind_int64(q, 1, id);
    return store_connection_do(c, q, why);
}

static enum err revoke(struct store_connection *c, int64_t id, int64_t now,
                       bool and_accounts, int64_t *accounts, struct err_info *why)
{
    AUTO(arena) struct arena *a = arena_new();
    struct store_external_key *key = NULL;

    TRY(by_id(c, a, id, &key, why));
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_EXTERNAL_REVOKE);
    sqlite3_bind_int64(q, 1, id);
    sqlite3_bind_int64(q, 2, now);
    TRY(store_connection_do(c, q, why));
    *accounts = 0;
    if (!and_accounts)
        return ERR_OK;
    q = store_connection_statement(c, STATEMENT_EXTERNAL_REVOKE_ACCOUNTS);
    sqlite3_bind_int64(q, 1, id);
    enum err result = store_connection_do(c, q, why);
    if (result == ERR_OK)
        *accounts = sqlite3_changes64(c->db);
    return result;
}

enum err store_external_revoke(struct store_session *s, int64_t id, int64_t now,
                               bool and_accounts, int64_t *accounts, struct err_info *why)
{
    enum err result = store_batch_begin(s, why);

    if (result == ERR_OK)
        result = revoke(&s->store->writer, id, now, and_accounts, accounts, why);
    return store_batch_end(s, result);
}
