/* Rows of accounts. */
#include <string.h>

#include "server/store/store_private.h"

static enum err read_account(struct store_connection *c, sqlite3_stmt *q, struct arena *a,
                             struct store_account **row, struct err_info *why)
{
    bool found = false;

    TRY(store_connection_next(c, q, &found, why));
    if (!found)
        return err_set(why, ERR_NOT_FOUND, "there is no such account");
    struct store_account *account = arena_get(a, sizeof *account);
    account->id = sqlite3_column_int64(q, 0);
    store_connection_octets(q, 1, account->thumbprint, sizeof account->thumbprint);
    account->jwk = store_connection_text(q, 2, a);
    account->contacts = store_connection_text(q, 3, a);
    account->terms_agreed = sqlite3_column_int(q, 4) != 0;
    account->status = (enum store_account_status)sqlite3_column_int(q, 5);
    account->created = sqlite3_column_int64(q, 6);
    sqlite3_reset(q);
    *row = account;
    return ERR_OK;
}

static enum err by_thumbprint(struct store_connection *c, struct arena *a,
                              const uint8_t *thumbprint, struct store_account **row,
                              struct err_info *why)
{
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_ACCOUNT_BY_THUMBPRINT);

    store_connection_bind_span(q, 1, span_make(thumbprint, STORE_THUMBPRINT_SIZE));
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
    enum err result = by_thumbprint(c, a, account->thumbprint, row, why);

    if (result != ERR_NOT_FOUND) {
        *existed = true;
        return result;
    }
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_ACCOUNT_ADD);
    store_connection_bind_span(q, 1,
                               span_make(account->thumbprint, STORE_THUMBPRINT_SIZE));
    store_connection_bind_text(q, 2, account->jwk);
    store_connection_bind_text(q, 3, account->contacts);
    sqlite3_bind_int(q, 4, account->terms_agreed ? 1 : 0);
    sqlite3_bind_int64(q, 5, account->created);
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
                                     const uint8_t thumbprint[STORE_THUMBPRINT_SIZE],
                                     struct store_account **row, struct err_info *why)
{
    return store_read_end(s, by_thumbprint(store_read_begin(s), a, thumbprint, row, why));
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
               : err_set(why, ERR_CONFLICT, "the account is not valid any more");
}

static enum err update(struct store_connection *c, int64_t id, const char *contacts,
                       bool terms_agreed, enum store_account_status status,
                       struct err_info *why)
{
    TRY(check_valid(c, id, why));
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_ACCOUNT_UPDATE);
    sqlite3_bind_int64(q, 1, id);
    store_connection_bind_text(q, 2, contacts);
    sqlite3_bind_int(q, 3, terms_agreed ? 1 : 0);
    sqlite3_bind_int(q, 4, (int)status);
    return store_connection_do(c, q, why);
}

enum err store_account_update(struct store_session *s, int64_t id, const char *contacts,
                              bool terms_agreed, enum store_account_status status,
                              struct err_info *why)
{
    enum err result = store_batch_begin(s, why);

    if (result == ERR_OK)
        result = update(&s->store->writer, id, contacts, terms_agreed, status, why);
    return store_batch_end(s, result);
}

static enum err rekey(struct store_connection *c, int64_t id, const uint8_t *before,
                      const uint8_t *after, const char *jwk, int64_t *holder,
                      struct err_info *why)
{
    AUTO(arena) struct arena *a = arena_new();
    struct store_account *account = NULL;

    TRY(check_valid(c, id, why));
    enum err result = by_thumbprint(c, a, after, &account, NULL);
    if (result == ERR_OK) {
        *holder = account->id;
        return err_set(why, ERR_CONFLICT, "an account has this key already");
    }
    if (result != ERR_NOT_FOUND)
        return result;
    TRY(by_id(c, a, id, &account, why));
    if (memcmp(account->thumbprint, before, STORE_THUMBPRINT_SIZE) != 0)
        return err_set(why, ERR_CONFLICT, "the account has another key meanwhile");
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_ACCOUNT_REKEY);
    sqlite3_bind_int64(q, 1, id);
    store_connection_bind_span(q, 2, span_make(after, STORE_THUMBPRINT_SIZE));
    store_connection_bind_text(q, 3, jwk);
    return store_connection_do(c, q, why);
}

enum err store_account_rekey(struct store_session *s, int64_t id,
                             const uint8_t before[STORE_THUMBPRINT_SIZE],
                             const uint8_t after[STORE_THUMBPRINT_SIZE], const char *jwk,
                             int64_t *holder, struct err_info *why)
{
    enum err result = store_batch_begin(s, why);

    *holder = 0;
    if (result == ERR_OK)
        result = rekey(&s->store->writer, id, before, after, jwk, holder, why);
    return store_batch_end(s, result);
}
