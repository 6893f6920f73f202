/* Rows of accounts. */
#include "core/base/secret.h"
#include "server/store/store_private.h"

static void from_row(sqlite3_stmt *q, struct arena *a, struct store_account *account)
{
    account->id = sqlite3_column_int64(q, 0);
    store_connection_octets(q, 1, account->thumbprint, sizeof account->thumbprint);
    account->jwk = store_connection_text(q, 2, a);
    account->contacts = store_connection_text(q, 3, a);
    account->terms_agreed = sqlite3_column_int(q, 4) != 0;
    account->status = (enum store_account_status)sqlite3_column_int(q, 5);
    account->created = sqlite3_column_int64(q, 6);
    account->directory = store_connection_text(q, 7, a);
    account->external_key = sqlite3_column_int64(q, 8);
    account->external_binding = store_connection_text(q, 9, a);
    account->terms = store_connection_text(q, 10, a);
    account->terms_at = sqlite3_column_int64(q, 11);
}

static enum err read_account(struct store_connection *c, sqlite3_stmt *q, struct arena *a,
                             struct store_account **row, struct err_info *why)
{
    bool found = false;

    TRY(store_connection_next(c, q, &found, why));
    if (!found)
        return err_set(why, ERR_NOT_FOUND, "there is no such account");
    struct store_account *account = arena_get(a, sizeof *account);
    from_row(q, a, account);
    sqlite3_reset(q);
    *row = account;
    return ERR_OK;
}

static enum err by_thumbprint(struct store_connection *c, struct arena *a,
                              const char *directory, const uint8_t *thumbprint,
                              struct store_account **row, struct err_info *why)
{
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_ACCOUNT_BY_THUMBPRINT);

    store_connection_bind_span(q, 1, span_make(thumbprint, STORE_THUMBPRINT_SIZE));
    store_connection_bind_text(q, 2, directory);
    return read_account(c, q, a, row, why);
}

static enum err by_id(struct store_connection *c, struct arena *a, int64_t id,
                      struct store_account **row, struct err_info *why)
{
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_ACCOUNT_BY_ID);

    sqlite3_bind_int64(q, 1, id);
    return read_account(c, q, a, row, why);
}

static enum err add(struct store_connection *c, struct arena *a,
                    const struct store_account *account, bool *existed,
                    struct store_account **row, struct err_info *why)
{
    enum err result =
        by_thumbprint(c, a, account->directory, account->thumbprint, row, why);

    if (result != ERR_NOT_FOUND) {
        *existed = true;
        return result;
    }
    if (account->key_hash != NULL)
        TRY(store_key_check(c, account->key_hash, why));
    if (account->external_key != 0)
        TRY(store_external_use(c, account->external_key, account->created, why));
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_ACCOUNT_ADD);
    store_connection_bind_span(q, 1,
                               span_make(account->thumbprint, STORE_THUMBPRINT_SIZE));
    store_connection_bind_text(q, 2, account->jwk);
    store_connection_bind_text(q, 3, account->contacts);
    sqlite3_bind_int(q, 4, account->terms_agreed ? 1 : 0);
    sqlite3_bind_int64(q, 5, account->created);
    store_connection_bind_text(q, 6, account->directory);
    sqlite3_bind_int64(q, 7, account->external_key);
    store_connection_bind_text(q, 8, account->external_binding);
    store_connection_bind_text(q, 9, account->terms != NULL ? account->terms : "");
    sqlite3_bind_int64(q, 10, account->terms_at);
    TRY(store_connection_do(c, q, why));
    *existed = false;
    return by_id(c, a, sqlite3_last_insert_rowid(c->db), row, why);
}

enum err store_account_add(struct store_session *s, struct arena *a,
                           const struct store_account *account, bool *existed,
                           struct store_account **row, struct err_info *why)
{
    enum err result = store_batch_begin(s, why);

    if (result == ERR_OK)
        result = add(&s->store->writer, a, account, existed, row, why);
    return store_batch_end(s, result);
}

enum err store_account_by_id(struct store_session *s, struct arena *a, int64_t id,
                             struct store_account **row, struct err_info *why)
{
    return store_read_end(s, by_id(store_read_begin(s), a, id, row, why));
}

enum err store_account_by_thumbprint(struct store_session *s, struct arena *a,
                                     const char *directory,
                                     const uint8_t thumbprint[STORE_THUMBPRINT_SIZE],
                                     struct store_account **row, struct err_info *why)
{
    return store_read_end(
        s, by_thumbprint(store_read_begin(s), a, directory, thumbprint, row, why));
}

static enum err check_valid(struct store_connection *c, int64_t id, struct err_info *why)
{
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_ACCOUNT_STATUS);
    bool found = false;

    sqlite3_bind_int64(q, 1, id);
    TRY(store_connection_next(c, q, &found, why));
    if (!found)
        return err_set(why, ERR_NOT_FOUND, "there is no such account");
    int now = sqlite3_column_int(q, 0);
    sqlite3_reset(q);
    return now == STORE_ACCOUNT_VALID
               ? ERR_OK
               : err_set(why, ERR_UNAUTHORIZED, "the account is not valid any more");
}

static enum err update(struct store_connection *c, int64_t id,
                       const struct store_account_change *change, struct err_info *why)
{
    TRY(check_valid(c, id, why));
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_ACCOUNT_UPDATE);
    sqlite3_bind_int64(q, 1, id);
    store_connection_bind_text(q, 2, change->contacts);
    store_connection_bind_text(q, 3, change->terms);
    sqlite3_bind_int64(q, 4, change->terms_at);
    sqlite3_bind_int(q, 5, (int)change->status);
    return store_connection_do(c, q, why);
}

enum err store_account_update(struct store_session *s, int64_t id,
                              const struct store_account_change *change,
                              struct err_info *why)
{
    enum err result = store_batch_begin(s, why);

    if (result == ERR_OK)
        result = update(&s->store->writer, id, change, why);
    return store_batch_end(s, result);
}

static enum err rekey(struct store_connection *c, int64_t id, const uint8_t *before,
                      const uint8_t *after, const char *jwk, const uint8_t *key_hash,
                      int64_t *holder, struct err_info *why)
{
    AUTO(arena) struct arena *a = arena_new();
    struct store_account *account = NULL;
    struct store_account *other = NULL;

    TRY(check_valid(c, id, why));
    TRY(by_id(c, a, id, &account, why));
    if (!secret_equal(span_make(account->thumbprint, STORE_THUMBPRINT_SIZE),
                      span_make(before, STORE_THUMBPRINT_SIZE)))
        return err_set(why, ERR_UNAUTHORIZED, "the account has another key meanwhile");
    enum err result = by_thumbprint(c, a, account->directory, after, &other, NULL);
    if (result == ERR_OK) {
        *holder = other->id;
        return err_set(why, ERR_CONFLICT, "an account has this key already");
    }
    if (result != ERR_NOT_FOUND)
        return result;
    if (key_hash != NULL)
        TRY(store_key_check(c, key_hash, why));
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_ACCOUNT_REKEY);
    sqlite3_bind_int64(q, 1, id);
    store_connection_bind_span(q, 2, span_make(after, STORE_THUMBPRINT_SIZE));
    store_connection_bind_text(q, 3, jwk);
    return store_connection_do(c, q, why);
}

enum err store_account_rekey(struct store_session *s, int64_t id,
                             const uint8_t before[STORE_THUMBPRINT_SIZE],
                             const uint8_t after[STORE_THUMBPRINT_SIZE], const char *jwk,
                             const uint8_t *key_hash, int64_t *holder,
                             struct err_info *why)
{
    enum err result = store_batch_begin(s, why);

    *holder = 0;
    if (result == ERR_OK)
        result = rekey(&s->store->writer, id, before, after, jwk, key_hash, holder, why);
    return store_batch_end(s, result);
}

static enum err list(struct store_connection *c, struct arena *a, int64_t before,
                     size_t max, struct store_account **rows, size_t *count,
                     struct err_info *why)
{
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_ACCOUNT_LIST);
    struct store_account *found = arena_array(a, max, sizeof *found);
    size_t used = 0;
    bool more = true;

    sqlite3_bind_int64(q, 1, before);
    sqlite3_bind_int64(q, 2, (int64_t)max);
    while (more) {
        TRY(store_connection_next(c, q, &more, why));
        if (more && used < max)
            from_row(q, a, &found[used++]);
    }
    *rows = found;
    *count = used;
    return ERR_OK;
}

enum err store_account_list(struct store_session *s, struct arena *a, int64_t before,
                            size_t max, struct store_account **rows, size_t *count,
                            struct err_info *why)
{
    return store_read_end(s, list(store_read_begin(s), a, before, max, rows, count, why));
}
