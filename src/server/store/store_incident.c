/* Rows of incidents. */
#include "server/store/store_private.h"
#include "server/store/store_renewal.h"

static enum err check_room(struct store_connection *c, struct err_info *why)
{
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_INCIDENT_COUNT);
    bool found = false;

    TRY(store_connection_next(c, q, &found, why));
    bool full = found && sqlite3_column_int64(q, 0) >= STORE_INCIDENTS_MAX;
    sqlite3_reset(q);
    return full ? err_set(why, ERR_CONFLICT,
                          "there are %d incidents already; remove those that are over",
                          STORE_INCIDENTS_MAX)
                : ERR_OK;
}

/* Columns of optional criteria stay NULL. */
static void bind_criteria(sqlite3_stmt *q, const struct store_incident *incident)
{
    sqlite3_bind_int64(q, 4, incident->account_id);
    sqlite3_bind_int64(q, 5, incident->begun_from);
    sqlite3_bind_int64(q, 6, incident->begun_before);
    if (incident->name != NULL)
        store_connection_bind_text(q, 7, incident->name);
    if (incident->profile != NULL)
        store_connection_bind_text(q, 8, incident->profile);
    if (incident->key_hash.len > 0)
        store_connection_bind_span(q, 9, incident->key_hash);
    if (incident->issuer.len > 0)
        store_connection_bind_span(q, 10, incident->issuer);
    sqlite3_bind_int(q, 11, incident->by_serial ? 1 : 0);
}

static enum err load(struct store_connection *c, struct arena *a, struct span serial,
                     struct store_incident **rows, size_t *count, struct err_info *why)
{
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_INCIDENTS);
    struct store_incident *list = NULL;
    size_t used = 0;
    bool more = true;

    store_connection_bind_span(q, 1, serial);
    TRY(store_connection_next(c, q, &more, why));
    while (more && used < STORE_INCIDENTS_MAX) {
        if (list == NULL)
            list = arena_array(a, STORE_INCIDENTS_MAX, sizeof *list);
        struct store_incident *row = &list[used++];
        row->id = sqlite3_column_int64(q, 0);
        row->created = sqlite3_column_int64(q, 1);
        row->over = sqlite3_column_int64(q, 2);
        row->explanation = store_connection_text(q, 3, a);
        row->last_issuance = sqlite3_column_int64(q, 4);
        row->account_id = sqlite3_column_int64(q, 5);
        row->begun_from = sqlite3_column_int64(q, 6);
        row->begun_before = sqlite3_column_int64(q, 7);
        row->name = store_connection_text(q, 8, a);
        row->profile = store_connection_text(q, 9, a);
        row->key_hash = store_connection_blob(q, 10, a);
        row->issuer = store_connection_blob(q, 11, a);
        row->by_serial = sqlite3_column_int(q, 12) != 0;
        row->has_serial = sqlite3_column_int(q, 13) != 0;
        TRY(store_connection_next(c, q, &more, why));
    }
    if (more)
        sqlite3_reset(q);
    *rows = list;
    *count = used;
    return ERR_OK;
}

enum err store_incidents(struct store_session *s, struct arena *a, struct span serial,
                         struct store_incident **rows, size_t *count,
                         struct err_info *why)
{
    return store_read_end(s, load(store_read_begin(s), a, serial, rows, count, why));
}

/* What the store set is read back, so that it is as everybody sees it. */
static enum err read_back(struct store_connection *c, struct store_incident *incident,
                          struct err_info *why)
{
    AUTO(arena) struct arena *a = arena_new();
    struct store_incident *rows = NULL;
    size_t count = 0;

    TRY(load(c, a, span_make(NULL, 0), &rows, &count, why));
    for (size_t i = 0; i < count; i++)
        if (rows[i].id == incident->id)
            incident->last_issuance = rows[i].last_issuance;
    return ERR_OK;
}

static enum err add_serials(struct store_connection *c, int64_t id,
                            const struct span *serials, size_t count,
                            struct err_info *why)
{
    for (size_t i = 0; i < count; i++) {
        sqlite3_stmt *q = store_connection_statement(c, STATEMENT_INCIDENT_SERIAL_ADD);
        store_connection_bind_span(q, 1, serials[i]);
        sqlite3_bind_int64(q, 2, id);
        TRY(store_connection_do(c, q, why));
    }
    return ERR_OK;
}

static enum err add(struct store_connection *c, struct store_incident *incident,
                    const struct span *serials, size_t count, struct err_info *why)
{
    TRY(check_room(c, why));
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_INCIDENT_ADD);
    sqlite3_bind_int64(q, 1, incident->created);
    sqlite3_bind_int64(q, 2, incident->over);
    store_connection_bind_text(q, 3, incident->explanation);
    bind_criteria(q, incident);
    TRY(store_connection_do(c, q, why));
    incident->id = sqlite3_last_insert_rowid(c->db);
    TRY(add_serials(c, incident->id, serials, count, why));
    return read_back(c, incident, why);
}

enum err store_incident_add(struct store_session *s, struct store_incident *incident,
                            const struct span *serials, size_t count,
                            struct err_info *why)
{
    enum err result = store_batch_begin(s, why);

    if (result == ERR_OK)
        result = add(&s->store->writer, incident, serials, count, why);
    return store_batch_end(s, result);
}

/* ERR_NOT_FOUND; `by_serial` says of what kind it is. */
static enum err look(struct store_connection *c, int64_t id, bool *by_serial,
                     struct err_info *why)
{
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_INCIDENT_EXISTS);
    bool found = false;

    sqlite3_bind_int64(q, 1, id);
    TRY(store_connection_next(c, q, &found, why));
    if (!found)
        return err_set(why, ERR_NOT_FOUND, "there is no incident %lld", (long long)id);
    *by_serial = sqlite3_column_int(q, 0) != 0;
    sqlite3_reset(q);
    return ERR_OK;
}

static enum err extend(struct store_connection *c, int64_t id, const struct span *serials,
                       size_t count, struct err_info *why)
{
    bool by_serial = false;

    TRY(look(c, id, &by_serial, why));
    if (!by_serial)
        return err_set(why, ERR_CONFLICT, "incident %lld has no serials", (long long)id);
    return add_serials(c, id, serials, count, why);
}

enum err store_incident_extend(struct store_session *s, int64_t id,
                               const struct span *serials, size_t count,
                               struct err_info *why)
{
    enum err result = store_batch_begin(s, why);

    if (result == ERR_OK)
        result = extend(&s->store->writer, id, serials, count, why);
    return store_batch_end(s, result);
}

static enum err remove_it(struct store_connection *c, int64_t id, struct err_info *why)
{
    static const enum store_statement both[] = {STATEMENT_INCIDENT_SERIALS_REMOVE,
                                                STATEMENT_INCIDENT_REMOVE};
    bool by_serial = false;

    TRY(look(c, id, &by_serial, why));
    for (size_t i = 0; i < 2; i++) {
        sqlite3_stmt *q = store_connection_statement(c, both[i]);
        sqlite3_bind_int64(q, 1, id);
        TRY(store_connection_do(c, q, why));
    }
    return ERR_OK;
}

enum err store_incident_remove(struct store_session *s, int64_t id, struct err_info *why)
{
    enum err result = store_batch_begin(s, why);

    if (result == ERR_OK)
        result = remove_it(&s->store->writer, id, why);
    return store_batch_end(s, result);
}
