/* Authorizations that serve more than once: those proved before (RFC 8555 7.1.3), of
 * names above (RFC 9444), and those no order asked for (RFC 8555 7.4.1). */
#include <string.h>

#include "core/acme/terms.h"
#include "server/store/store_private.h"

/* The row the statement gives, if there is one. */
static enum err one_row(struct store_connection *c, sqlite3_stmt *q, struct arena *a,
                        struct store_authz *authz, bool *found, struct err_info *why)
{
    TRY(store_connection_next(c, q, found, why));
    if (*found) {
        store_authz_from_row(q, a, authz);
        sqlite3_reset(q);
    }
    return ERR_OK;
}

/* The parameters both statements of proved authorizations share. */
static sqlite3_stmt *proved(struct store_connection *c, enum store_statement which,
                            int64_t account_id, int type, const struct store_reuse *reuse)
{
    sqlite3_stmt *q = store_connection_statement(c, which);

    sqlite3_bind_int64(q, 1, account_id);
    sqlite3_bind_int(q, 2, type);
    sqlite3_bind_int64(q, 4, reuse->outlives);
    sqlite3_bind_int64(q, 5, reuse->proved_first);
    sqlite3_bind_int64(q, 6, reuse->proved_last);
    return q;
}

/* For exactly that name. */
static enum err find_own(struct store_connection *c, struct arena *a, int64_t account_id,
                         const struct store_authz *wanted,
                         const struct store_reuse *reuse, struct store_authz *authz,
                         bool *found, struct err_info *why)
{
    sqlite3_stmt *q =
        proved(c, STATEMENT_AUTHZ_PROVED, account_id, wanted->identifier.type, reuse);

    store_connection_bind_text(q, 3, wanted->identifier.value);
    sqlite3_bind_int(q, 7, wanted->wildcard ? 1 : 0);
    sqlite3_bind_int(q, 8, wanted->subdomains ? 1 : 0);
    sqlite3_bind_int64(q, 9, reuse->types);
    return one_row(c, q, a, authz, found, why);
}

/* For a name above `value`. */
static enum err find_above(struct store_connection *c, struct arena *a,
                           int64_t account_id, int type, const char *value,
                           const struct store_reuse *reuse, struct store_authz *authz,
                           bool *found, struct err_info *why)
{
    sqlite3_stmt *q = proved(c, STATEMENT_AUTHZ_PROVED_ABOVE, account_id, type, reuse);
    const char *dot = strchr(value, '.');

    /* all of them: a statement that gave a row still has the names of the time before */
    for (int i = 0; i < STORE_REUSE_ABOVE_MAX; i++) {
        store_connection_bind_text(q, 7 + i, dot != NULL ? dot + 1 : NULL);
        dot = dot != NULL ? strchr(dot + 1, '.') : NULL;
    }
    sqlite3_bind_int64(q, 7 + STORE_REUSE_ABOVE_MAX, reuse->types);
    return one_row(c, q, a, authz, found, why);
}

enum err store_reuse_find(struct store_connection *c, struct arena *a, int64_t account_id,
                          const struct store_identifier *identifier,
                          const struct store_reuse *reuse, struct store_authz *authz,
                          bool *found, struct err_info *why)
{
    bool wildcard = identifier->type == (int)IDENTIFIER_DNS &&
                    strncmp(identifier->value, "*.", 2) == 0;
    const struct store_authz wanted = {
        .identifier = {identifier->type, identifier->value + (wildcard ? 2 : 0)},
        .wildcard = wildcard};

    TRY(find_own(c, a, account_id, &wanted, reuse, authz, found, why));
    if (*found || !reuse->subdomains)
        return ERR_OK;
    return find_above(c, a, account_id, identifier->type, wanted.identifier.value, reuse,
                      authz, found, why);
}

static enum err find_asked(struct store_connection *c, struct arena *a,
                           const struct store_authz *wanted,
                           const struct store_reuse *reuse, struct store_authz *authz,
                           bool *found, struct err_info *why)
{
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_AUTHZ_ASKED);

    sqlite3_bind_int64(q, 1, wanted->account_id);
    sqlite3_bind_int(q, 2, wanted->identifier.type);
    store_connection_bind_text(q, 3, wanted->identifier.value);
    sqlite3_bind_int(q, 4, wanted->subdomains ? 1 : 0);
    sqlite3_bind_int64(q, 5, reuse->outlives);
    return one_row(c, q, a, authz, found, why);
}

static enum err check_room(struct store_connection *c, int64_t account_id, int64_t now,
                           int64_t most, struct err_info *why)
{
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_AUTHZ_ASKED_COUNT);
    bool row = false;

    sqlite3_bind_int64(q, 1, account_id);
    sqlite3_bind_int64(q, 2, now);
    TRY(store_connection_next(c, q, &row, why));
    bool full = row && sqlite3_column_int64(q, 0) >= most;
    if (row)
        sqlite3_reset(q);
    return full ? err_set(why, ERR_CONFLICT,
                          "the account has %lld pending authorizations already",
                          (long long)most)
                : ERR_OK;
}

static enum err add(struct store_connection *c, struct arena *a,
                    const struct store_authz *wanted, const struct store_reuse *reuse,
                    int64_t most, struct store_authz **row, bool *existed,
                    struct err_info *why)
{
    struct store_authz *authz = arena_get(a, sizeof *authz);
    bool found = false;

    TRY(store_order_check_account(c, wanted->account_id, why));
    TRY(find_own(c, a, wanted->account_id, wanted, reuse, authz, &found, why));
    if (!found)
        TRY(find_asked(c, a, wanted, reuse, authz, &found, why));
    if (!found) {
        TRY(check_room(c, wanted->account_id, wanted->created, most, why));
        *authz = *wanted;
        authz->order_id = 0;
        TRY(store_authz_insert(c, authz, why));
    }
    *existed = found;
    *row = authz;
    return ERR_OK;
}

enum err store_reuse_authz(struct store_session *s, struct arena *a,
                           const struct store_authz *wanted,
                           const struct store_reuse *reuse, int64_t most,
                           struct store_authz **row, bool *existed, struct err_info *why)
{
    enum err result = store_batch_begin(s, why);

    if (result == ERR_OK)
        result = add(&s->store->writer, a, wanted, reuse, most, row, existed, why);
    return store_batch_end(s, result);
}

static enum err has_proved_all(struct store_connection *c, int64_t account_id,
                               const struct store_identifier *identifiers, size_t count,
                               const struct store_reuse *reuse, bool *all,
                               struct err_info *why)
{
    AUTO(arena) struct arena *a = arena_new();
    struct store_authz ignored;
    bool found = count > 0;

    for (size_t i = 0; i < count && found; i++)
        TRY(store_reuse_find(c, a, account_id, &identifiers[i], reuse, &ignored, &found,
                             why));
    *all = found;
    return ERR_OK;
}

enum err store_reuse_has_proved(struct store_session *s, int64_t account_id,
                                const struct store_identifier *identifiers, size_t count,
                                const struct store_reuse *reuse, bool *all,
                                struct err_info *why)
{
    return store_read_end(s, has_proved_all(store_read_begin(s), account_id, identifiers,
                                            count, reuse, all, why));
}
