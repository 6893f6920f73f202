/* Rows of authorizations. */
#include <string.h>

#include "server/store/store_private.h"

void store_authz_from_row(sqlite3_stmt *q, struct arena *a, struct store_authz *authz)
{
    authz->id = sqlite3_column_int64(q, 0);
    authz->account_id = sqlite3_column_int64(q, 1);
    authz->order_id = sqlite3_column_int64(q, 2);
    authz->identifier.type = sqlite3_column_int(q, 3);
    authz->identifier.value = store_connection_text(q, 4, a);
    authz->wildcard = sqlite3_column_int(q, 5) != 0;
    store_connection_octets(q, 6, authz->seed, sizeof authz->seed);
    authz->created = sqlite3_column_int64(q, 7);
    authz->expires = sqlite3_column_int64(q, 8);
    authz->deactivated = sqlite3_column_int64(q, 9);
    authz->attempt_type = sqlite3_column_int(q, 10);
    authz->attempt_begun = sqlite3_column_int64(q, 11);
    authz->attempt_finished = sqlite3_column_int64(q, 12);
    authz->verdict = (enum store_verdict)sqlite3_column_int(q, 13);
    authz->error = store_connection_text(q, 14, a);
    authz->record = store_connection_text(q, 15, a);
    authz->lifetime = sqlite3_column_int64(q, 16);
    authz->subdomains = sqlite3_column_int(q, 17) != 0;
    authz->caa_checked = sqlite3_column_int64(q, 18);
    authz->challenges = (unsigned int)sqlite3_column_int(q, 19);
}

static enum err by_id(struct store_connection *c, struct arena *a, int64_t id,
                      struct store_authz **row, struct err_info *why)
{
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_AUTHZ_BY_ID);
    bool found = false;

    sqlite3_bind_int64(q, 1, id);
    TRY(store_connection_next(c, q, &found, why));
    if (found) {
        *row = arena_get(a, sizeof **row);
        store_authz_from_row(q, a, *row);
        sqlite3_reset(q);
    }
    return found ? ERR_OK : err_set(why, ERR_NOT_FOUND, "there is no such authorization");
}

enum err store_authz_by_id(struct store_session *s, struct arena *a, int64_t id,
                           struct store_authz **row, struct err_info *why)
{
    return store_read_end(s, by_id(store_read_begin(s), a, id, row, why));
}

enum err store_authz_insert(struct store_connection *c, struct store_authz *authz,
                            struct err_info *why)
{
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_AUTHZ_ADD);

    sqlite3_bind_int64(q, 1, authz->account_id);
    sqlite3_bind_int64(q, 2, authz->order_id);
    sqlite3_bind_int(q, 3, authz->identifier.type);
    store_connection_bind_text(q, 4, authz->identifier.value);
    sqlite3_bind_int(q, 5, authz->wildcard ? 1 : 0);
    store_connection_bind_span(q, 6, span_make(authz->seed, sizeof authz->seed));
    sqlite3_bind_int64(q, 7, authz->created);
    sqlite3_bind_int64(q, 8, authz->expires);
    sqlite3_bind_int64(q, 9, authz->lifetime);
    sqlite3_bind_int(q, 10, authz->subdomains ? 1 : 0);
    sqlite3_bind_int(q, 11, (int)authz->challenges);
    TRY(store_connection_do(c, q, why));
    authz->id = sqlite3_last_insert_rowid(c->db);
    authz->attempt_type = -1;
    return ERR_OK;
}

static enum err deactivate(struct store_connection *c, int64_t id, int64_t now,
                           struct err_info *why)
{
    AUTO(arena) struct arena *a = arena_new();
    struct store_authz *authz = NULL;

    TRY(by_id(c, a, id, &authz, why));
    if (authz->deactivated != 0 || authz->verdict == STORE_VERDICT_INVALID)
        return err_set(why, ERR_CONFLICT, "the authorization is %s already",
                       authz->deactivated != 0 ? "deactivated" : "invalid");
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_AUTHZ_DEACTIVATE);
    sqlite3_bind_int64(q, 1, id);
    sqlite3_bind_int64(q, 2, now);
    return store_connection_do(c, q, why);
}

enum err store_authz_deactivate(struct store_session *s, int64_t id, int64_t now,
                                struct err_info *why)
{
    enum err result = store_batch_begin(s, why);

    if (result == ERR_OK)
        result = deactivate(&s->store->writer, id, now, why);
    return store_batch_end(s, result);
}
