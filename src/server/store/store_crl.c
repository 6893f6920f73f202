/* Rows of revocation lists. */
#include "server/store/store_crl.h"

#include <string.h>

#include "server/store/store_private.h"

uint64_t store_crl_revoked(struct store *store)
{
    return atomic_load(&store->revoked);
}

struct store_crl_place store_crl_start(int64_t shard)
{
    return (struct store_crl_place){.shard = shard};
}

static void entry_from_row(sqlite3_stmt *q, struct store_crl_entry *entry)
{
    size_t len = (size_t)sqlite3_column_bytes(q, 2);
    const void *serial = sqlite3_column_blob(q, 2);

    *entry = (struct store_crl_entry){
        .shard = sqlite3_column_int64(q, 0),
        .issuance_id = sqlite3_column_int64(q, 1),
        .revocation = {sqlite3_column_int64(q, 3), sqlite3_column_int(q, 4)},
        .not_after = sqlite3_column_int64(q, 5)};
    if (serial == NULL || len > STORE_SERIAL_MAX)
        return;
    memcpy(entry->serial, serial, len);
    entry->serial_len = len;
}

static enum err entries_after(struct store_connection *c, struct span issuer,
                              int64_t shard, struct store_crl_place *place,
                              struct store_crl_entry *entries, size_t max, size_t *count,
                              struct err_info *why)
{
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_CRL_ENTRIES);
    bool more = true;
    size_t used = 0;

    store_connection_bind_span(q, 1, issuer);
    sqlite3_bind_int64(q, 2, place->shard);
    sqlite3_bind_int64(q, 3, place->issuance_id);
    sqlite3_bind_int64(q, 4, shard == 0 ? INT64_MAX : shard);
    sqlite3_bind_int64(q, 5, (int64_t)max);
    while (more) {
        TRY(store_connection_next(c, q, &more, why));
        if (more && used < max)
            entry_from_row(q, &entries[used++]);
    }
    if (used > 0)
        *place = (struct store_crl_place){entries[used - 1].shard,
                                          entries[used - 1].issuance_id};
    *count = used;
    return ERR_OK;
}

enum err store_crl_entries(struct store_session *s, struct span issuer, int64_t shard,
                           struct store_crl_place *place, struct store_crl_entry *entries,
                           size_t max, size_t *count, struct err_info *why)
{
    return store_read_end(s, entries_after(store_read_begin(s), issuer, shard, place,
                                           entries, max, count, why));
}

/* ---- what is entered ---- */

static enum err change(struct store_connection *c, struct span issuer, int64_t shard,
                       struct err_info *why)
{
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_CRL_CHANGED);

    store_connection_bind_span(q, 1, issuer);
    sqlite3_bind_int64(q, 2, shard);
    return store_connection_do(c, q, why);
}

enum err store_crl_note(struct store_connection *c, const struct store_issuance *issuance,
                        struct span issuer, struct err_info *why)
{
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_CRL_ENTER);

    sqlite3_bind_int64(q, 1, issuance->id);
    store_connection_bind_span(q, 2, issuer);
    sqlite3_bind_int64(q, 3, issuance->shard);
    store_connection_bind_span(q, 4, span_make(issuance->serial, issuance->serial_len));
    sqlite3_bind_int64(q, 5, issuance->not_after);
    TRY(store_connection_do(c, q, why));
    q = store_connection_statement(c, STATEMENT_REVOCATION_LISTED);
    sqlite3_bind_int64(q, 1, issuance->id);
    TRY(store_connection_do(c, q, why));
    if (issuance->shard != 0)
        TRY(change(c, issuer, issuance->shard, why));
    return change(c, issuer, 0, why);
}

static enum err leave_out(struct store_connection *c, int64_t issuance_id,
                          struct err_info *why)
{
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_REVOCATION_LISTED);

    sqlite3_bind_int64(q, 1, issuance_id);
    return store_connection_do(c, q, why);
}

enum err store_crl_enter(struct store_session *s, const struct store_issuance *issuance,
                         struct span issuer, struct err_info *why)
{
    enum err result = store_batch_begin(s, why);

    if (result == ERR_OK && issuer.len > 0)
        result = store_crl_note(&s->store->writer, issuance, issuer, why);
    else if (result == ERR_OK)
        result = leave_out(&s->store->writer, issuance->id, why);
    return store_batch_end(s, result);
}

static enum err unlisted(struct store_connection *c, struct arena *a, size_t max,
                         struct store_issuance **rows, size_t *count,
                         struct err_info *why)
{
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_CRL_UNLISTED);
    struct store_issuance *found = arena_array(a, max, sizeof *found);
    bool more = true;
    size_t used = 0;

    sqlite3_bind_int64(q, 1, (int64_t)max);
    while (more) {
        TRY(store_connection_next(c, q, &more, why));
        if (!more || used == max)
            continue;
        store_issuance_from_row(q, a, &found[used]);
        found[used++].certificate = store_connection_blob(q, STORE_ISSUANCE_COLUMNS, a);
    }
    *rows = found;
    *count = used;
    return ERR_OK;
}

enum err store_crl_unlisted(struct store_session *s, struct arena *a, size_t max,
                            struct store_issuance **rows, size_t *count,
                            struct err_info *why)
{
    return store_read_end(s, unlisted(store_read_begin(s), a, max, rows, count, why));
}

/* ---- the lists ---- */

static enum err list(struct store_connection *c, struct arena *a, struct span issuer,
                     size_t max, struct store_crl **rows, size_t *count,
                     struct err_info *why)
{
    sqlite3_stmt *q = store_connection_statement(
        c, issuer.len > 0 ? STATEMENT_CRLS : STATEMENT_CRLS_OF_ALL);
    struct store_crl *found = arena_array(a, max, sizeof *found);
    bool more = true;
    size_t used = 0;

    if (issuer.len > 0)
        store_connection_bind_span(q, 1, issuer);
    sqlite3_bind_int64(q, issuer.len > 0 ? 2 : 1, (int64_t)max);
    while (more) {
        TRY(store_connection_next(c, q, &more, why));
        if (!more || used == max)
            continue;
        struct store_crl *one = &found[used++];
        one->shard = sqlite3_column_int64(q, 0);
        one->changed = sqlite3_column_int64(q, 1);
        one->covers = sqlite3_column_int64(q, 2);
        one->number = sqlite3_column_int64(q, 3);
        one->this_update = sqlite3_column_int64(q, 4);
        one->next_update = sqlite3_column_int64(q, 5);
        one->entries = sqlite3_column_int64(q, 6);
        store_connection_octets(q, 7, one->hash, STORE_HASH_SIZE);
        struct span by = store_connection_blob(q, 8, a);
        one->issuer_len = by.len < STORE_HASH_SIZE ? by.len : STORE_HASH_SIZE;
        memcpy(one->issuer, by.data, one->issuer_len);
    }
    *rows = found;
    *count = used;
    return ERR_OK;
}

enum err store_crl_list(struct store_session *s, struct arena *a, struct span issuer,
                        size_t max, struct store_crl **rows, size_t *count,
                        struct err_info *why)
{
    return store_read_end(s, list(store_read_begin(s), a, issuer, max, rows, count, why));
}

static enum err record(struct store_connection *c, struct span issuer,
                       const struct store_crl *crl, struct err_info *why)
{
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_CRL_RECORD);

    store_connection_bind_span(q, 1, issuer);
    sqlite3_bind_int64(q, 2, crl->shard);
    sqlite3_bind_int64(q, 3, crl->covers);
    sqlite3_bind_int64(q, 4, crl->number);
    sqlite3_bind_int64(q, 5, crl->this_update);
    sqlite3_bind_int64(q, 6, crl->next_update);
    sqlite3_bind_int64(q, 7, crl->entries);
    store_connection_bind_span(q, 8, span_make(crl->hash, STORE_HASH_SIZE));
    TRY(store_connection_do(c, q, why));
    if (sqlite3_changes(c->db) == 0)
        return err_set(why, ERR_CONFLICT,
                       "the list's number is not above the last one (RFC 5280 5.2.3)");
    return ERR_OK;
}

enum err store_crl_record(struct store_session *s, struct span issuer,
                          const struct store_crl *crl, struct err_info *why)
{
    enum err result = store_batch_begin(s, why);

    if (result == ERR_OK)
        result = record(&s->store->writer, issuer, crl, why);
    return store_batch_end(s, result);
}

static enum err renew(struct store_connection *c, struct span issuer, int64_t shard,
                      int64_t *count, struct err_info *why)
{
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_CRL_RENEW);

    store_connection_bind_span(q, 1, issuer);
    sqlite3_bind_int64(q, 2, shard);
    TRY(store_connection_do(c, q, why));
    *count = sqlite3_changes(c->db);
    return ERR_OK;
}

enum err store_crl_renew(struct store_session *s, struct span issuer, int64_t shard,
                         int64_t *count, struct err_info *why)
{
    enum err result = store_batch_begin(s, why);

    if (result == ERR_OK)
        result = renew(&s->store->writer, issuer, shard, count, why);
    if (result == ERR_OK)
        atomic_fetch_add(&s->store->revoked, 1);
    return store_batch_end(s, result);
}
