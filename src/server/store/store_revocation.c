/* Rows of revocations and blocked keys. */
#include <string.h>

#include "server/store/store_private.h"

#define KEY_COMPROMISE 1 /* CRLReason (RFC 5280 5.3.1) */

static enum err look(struct store_connection *c, int64_t issuance_id,
                     struct store_revocation *now, struct err_info *why)
{
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_REVOCATION_OF);
    bool found = false;

    sqlite3_bind_int64(q, 1, issuance_id);
    TRY(store_connection_next(c, q, &found, why));
    now->at = found ? sqlite3_column_int64(q, 0) : 0;
    now->reason = found ? sqlite3_column_int(q, 1) : STORE_REASON_NONE;
    if (found)
        sqlite3_reset(q);
    return ERR_OK;
}

static enum err by_serial(struct store_connection *c, struct arena *a, struct span serial,
                          struct store_issuance **row,
                          struct store_revocation *revocation, struct err_info *why)
{
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_CERTIFICATE_BY_SERIAL);
    bool found = false;

    store_connection_bind_span(q, 1, serial);
    TRY(store_connection_next(c, q, &found, why));
    if (!found)
        return err_set(why, ERR_NOT_FOUND, "there is no such certificate");
    struct store_issuance *issuance = arena_get(a, sizeof *issuance);
    store_certificate_from_row(q, a, issuance);
    sqlite3_reset(q);
    TRY(look(c, issuance->id, revocation, why));
    *row = issuance;
    return ERR_OK;
}

enum err store_certificate_by_serial(struct store_session *s, struct arena *a,
                                     struct span serial, struct store_issuance **row,
                                     struct store_revocation *revocation,
                                     struct err_info *why)
{
    return store_read_end(
        s, by_serial(store_read_begin(s), a, serial, row, revocation, why));
}

static enum err block(struct store_connection *c, const uint8_t *key_hash, int64_t since,
                      struct err_info *why)
{
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_KEY_BLOCK);

    store_connection_bind_span(q, 1, span_make(key_hash, STORE_HASH_SIZE));
    sqlite3_bind_int64(q, 2, since);
    return store_connection_do(c, q, why);
}

static enum err revoke(struct store_connection *c, const struct store_issuance *issuance,
                       const struct store_revocation *revocation, bool block_key,
                       struct err_info *why)
{
    struct store_revocation now = {0};

    TRY(look(c, issuance->id, &now, why));
    bool worse = now.reason != KEY_COMPROMISE && revocation->reason == KEY_COMPROMISE;
    if (now.at != 0 && !worse)
        return err_set(why, ERR_CONFLICT, "the certificate is revoked already");
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_REVOCATION_SET);
    sqlite3_bind_int64(q, 1, issuance->id);
    sqlite3_bind_int64(q, 2, revocation->at);
    sqlite3_bind_int(q, 3, revocation->reason);
    TRY(store_connection_do(c, q, why));
    return block_key ? block(c, issuance->key_hash, revocation->at, why) : ERR_OK;
}

enum err store_revoke(struct store_session *s, const struct store_issuance *issuance,
                      const struct store_revocation *revocation, bool block_key,
                      struct err_info *why)
{
    enum err result = store_batch_begin(s, why);

    if (result == ERR_OK)
        result = revoke(&s->store->writer, issuance, revocation, block_key, why);
    return store_batch_end(s, result);
}

static enum err is_blocked(struct store_connection *c, const uint8_t *key_hash,
                           bool *blocked, struct err_info *why)
{
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_KEY_IS_BLOCKED);
    bool found = false;

    store_connection_bind_span(q, 1, span_make(key_hash, STORE_HASH_SIZE));
    TRY(store_connection_next(c, q, &found, why));
    if (found)
        sqlite3_reset(q);
    *blocked = found;
    return ERR_OK;
}

enum err store_key_is_blocked(struct store_session *s,
                              const uint8_t key_hash[STORE_HASH_SIZE], bool *blocked,
                              struct err_info *why)
{
    return store_read_end(s, is_blocked(store_read_begin(s), key_hash, blocked, why));
}

static enum err has_proved(struct store_connection *c, int64_t account_id,
                           const struct store_identifier *identifier, int64_t now,
                           bool *found, struct err_info *why)
{
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_AUTHZ_PROVED);
    bool wildcard = strncmp(identifier->value, "*.", 2) == 0;

    sqlite3_bind_int64(q, 1, account_id);
    sqlite3_bind_int(q, 2, identifier->type);
    store_connection_bind_text(q, 3, identifier->value + (wildcard ? 2 : 0));
    sqlite3_bind_int(q, 4, wildcard ? 1 : 0);
    sqlite3_bind_int64(q, 5, now);
    TRY(store_connection_next(c, q, found, why));
    if (*found)
        sqlite3_reset(q);
    return ERR_OK;
}

static enum err has_proved_all(struct store_connection *c, int64_t account_id,
                               const struct store_identifier *identifiers, size_t count,
                               int64_t now, bool *all, struct err_info *why)
{
    bool found = count > 0;

    for (size_t i = 0; i < count && found; i++)
        TRY(has_proved(c, account_id, &identifiers[i], now, &found, why));
    *all = found;
    return ERR_OK;
}

enum err store_account_has_proved(struct store_session *s, int64_t account_id,
                                  const struct store_identifier *identifiers,
                                  size_t count, int64_t now, bool *all,
                                  struct err_info *why)
{
    return store_read_end(s, has_proved_all(store_read_begin(s), account_id, identifiers,
                                            count, now, all, why));
}
