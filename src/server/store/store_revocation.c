/* Rows of revocations and blocked keys. */
#include "server/store/store_revocation.h"

#include <string.h>

#include "server/store/store_private.h"

#define KEY_COMPROMISE   1   /* CRLReason (RFC 5280 5.3.1) */
#define SIBLINGS_AT_ONCE 100 /* certificates for one key */

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

enum err store_revocation_look(struct store_connection *c, int64_t issuance_id,
                               struct err_info *why)
{
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_REVOCATION_OF_ORDERED);
    bool found = false;

    sqlite3_bind_int64(q, 1, issuance_id);
    TRY(store_connection_next(c, q, &found, why));
    if (!found)
        return ERR_OK;
    sqlite3_reset(q);
    return err_set(why, ERR_ALREADY_REVOKED,
                   "the certificate was revoked while it was being signed");
}

enum err store_revocation_check(struct store_session *s, int64_t issuance_id,
                                struct err_info *why)
{
    return store_read_end(s,
                          store_revocation_look(store_read_begin(s), issuance_id, why));
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

/* Into its issuer's list; what is older than that column is found by
 * store_crl_unlisted. */
static enum err enter(struct store_connection *c, const struct store_issuance *issuance,
                      struct err_info *why)
{
    struct span issuer = span_make(issuance->issuer, issuance->issuer_len);

    return issuer.len > 0 ? store_crl_note(c, issuance, issuer, why) : ERR_OK;
}

/* What a change revokes certificates for, and who is told of them. */
struct revoking {
    struct store_revocation revocation;
    int64_t now; /* what has expired by then is left alone */
    const struct store_revoking *told;
    bool for_key; /* others for their key */
};

static void tell(const struct revoking *r, const struct store_issuance *issuance)
{
    if (r->told != NULL)
        r->told->told(r->told->context, issuance, &r->revocation, r->for_key);
}

/* If it has not expired at `now`, and was not revoked before for as good a reason:
 * `changed` counts. The time may lie back, but not before it was begun. */
static enum err revoke_one(struct store_connection *c,
                           const struct store_issuance *issuance,
                           const struct revoking *r, int64_t *changed,
                           struct err_info *why)
{
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_REVOKE);

    sqlite3_bind_int64(q, 1, issuance->id);
    sqlite3_bind_int64(q, 2, r->revocation.at);
    sqlite3_bind_int(q, 3, r->revocation.reason);
    sqlite3_bind_int64(q, 4, r->now);
    TRY(store_connection_do(c, q, why));
    if (sqlite3_changes(c->db) == 0)
        return ERR_OK;
    (*changed)++;
    tell(r, issuance);
    return enter(c, issuance, why);
}

/* Some issuances for a key that have not expired, with ids above `after`. */
static enum err of_key(struct store_connection *c, struct arena *a,
                       const uint8_t *key_hash, int64_t now, int64_t after,
                       struct store_issuance *rows, size_t *count, struct err_info *why)
{
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_REVOKE_OF_KEY);
    size_t used = 0;
    bool more = true;

    store_connection_bind_span(q, 1, span_make(key_hash, STORE_HASH_SIZE));
    sqlite3_bind_int64(q, 2, now);
    sqlite3_bind_int64(q, 3, after);
    sqlite3_bind_int64(q, 4, SIBLINGS_AT_ONCE);
    while (more) {
        TRY(store_connection_next(c, q, &more, why));
        if (more && used < SIBLINGS_AT_ONCE)
            store_issuance_from_row(q, a, &rows[used++]);
    }
    *count = used;
    return ERR_OK;
}

/* Whoever has the key has all its certificates: the same decision, also about those that
 * are being signed, or were given up. */
static enum err revoke_key(struct store_connection *c, const uint8_t *key_hash,
                           const struct revoking *cause, int64_t *changed,
                           struct err_info *why)
{
    const struct revoking r = {
        .revocation = {.at = cause->revocation.at, .reason = KEY_COMPROMISE},
        .now = cause->now,
        .told = cause->told,
        .for_key = true};
    size_t count = SIBLINGS_AT_ONCE;
    int64_t after = 0;

    TRY(block(c, key_hash, r.now, why));
    while (count == SIBLINGS_AT_ONCE) {
        AUTO(arena) struct arena *a = arena_new();
        struct store_issuance *rows = arena_array(a, SIBLINGS_AT_ONCE, sizeof *rows);
        TRY(of_key(c, a, key_hash, r.now, after, rows, &count, why));
        for (size_t i = 0; i < count; i++) {
            after = rows[i].id;
            TRY(revoke_one(c, &rows[i], &r, changed, why));
        }
    }
    return ERR_OK;
}

static enum err revoke(struct store_connection *c, const struct store_issuance *issuance,
                       const struct revoking *r, bool block_key, struct err_info *why)
{
    const struct store_revocation *revocation = &r->revocation;
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
    tell(r, issuance);
    TRY(enter(c, issuance, why));
    int64_t siblings = 0;
    return block_key ? revoke_key(c, issuance->key_hash, r, &siblings, why) : ERR_OK;
}

enum err store_revoke(struct store_session *s, const struct store_issuance *issuance,
                      const struct store_revocation *revocation, bool block_key,
                      const struct store_revoking *told, struct err_info *why)
{
    const struct revoking r = {
        .revocation = *revocation, .now = revocation->at, .told = told};
    enum err result = store_batch_begin(s, why);

    if (result == ERR_OK)
        result = revoke(&s->store->writer, issuance, &r, block_key, why);
    if (result == ERR_OK)
        atomic_fetch_add(&s->store->revoked, 1);
    return store_batch_end(s, result);
}

/* Does one before it have its key? */
static bool has_key_before(const struct store_issuance *const *list, size_t index)
{
    for (size_t i = 0; i < index; i++)
        if (memcmp(list[i]->key_hash, list[index]->key_hash, STORE_HASH_SIZE) == 0)
            return true;
    return false;
}

/* Whose revocation is not new, its key was dealt with when it was. */
enum err store_revocation_of_all(struct store_connection *c,
                                 const struct store_issuance *const *list, size_t count,
                                 const struct store_revocation *revocation, int64_t now,
                                 struct store_revoked *sum,
                                 const struct store_revoking *told, struct err_info *why)
{
    AUTO(arena) struct arena *a = arena_new();
    const struct store_issuance **fresh = arena_array(a, count, sizeof *fresh);
    const struct revoking r = {.revocation = *revocation, .now = now, .told = told};
    struct store_revoked made = {0};
    size_t used = 0;

    for (size_t i = 0; i < count; i++) {
        int64_t before = made.revoked;
        TRY(revoke_one(c, list[i], &r, &made.revoked, why));
        if (made.revoked > before)
            fresh[used++] = list[i];
    }
    for (size_t i = 0; i < used && revocation->reason == KEY_COMPROMISE; i++)
        if (!has_key_before(fresh, i))
            TRY(revoke_key(c, fresh[i]->key_hash, &r, &made.siblings, why));
    *sum = made;
    return ERR_OK;
}

enum err store_revoke_all(struct store_session *s,
                          const struct store_issuance *const *list, size_t count,
                          const struct store_revocation *revocation, int64_t now,
                          struct store_revoked *sum, const struct store_revoking *told,
                          struct err_info *why)
{
    enum err result = store_batch_begin(s, why);

    if (result == ERR_OK)
        result = store_revocation_of_all(&s->store->writer, list, count, revocation, now,
                                         sum, told, why);
    if (result == ERR_OK)
        atomic_fetch_add(&s->store->revoked, 1);
    return store_batch_end(s, result);
}

enum err store_key_block(struct store_session *s, const uint8_t key_hash[STORE_HASH_SIZE],
                         int64_t now, struct err_info *why)
{
    enum err result = store_batch_begin(s, why);

    if (result == ERR_OK)
        result = block(&s->store->writer, key_hash, now, why);
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
