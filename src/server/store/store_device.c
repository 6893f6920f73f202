/* Rows of the inventory of devices. */
#include "server/store/store_device.h"

#include <string.h>

#include "server/store/store_private.h"

/* From a row of DEVICE_FIND's columns; its keys are not there yet. */
static void from_row(sqlite3_stmt *q, struct arena *a, struct store_device *device)
{
    device->id = sqlite3_column_int64(q, 0);
    device->identifier.type = sqlite3_column_int(q, 1);
    device->identifier.value = store_connection_text(q, 2, a);
    device->label = store_connection_text(q, 3, a);
    device->created = sqlite3_column_int64(q, 4);
    device->external_key = sqlite3_column_int64(q, 5);
    device->blocked = sqlite3_column_int64(q, 6);
    device->reason = store_connection_text(q, 7, a);
    device->attested = sqlite3_column_int64(q, 8);
    device->kid = store_connection_text(q, 9, a);
}

static enum err load_keys(struct store_connection *c, struct arena *a,
                          struct store_device *device, struct err_info *why)
{
    struct store_device_key *keys = arena_array(a, STORE_DEVICE_KEYS_MAX, sizeof *keys);
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_DEVICE_KEYS);
    size_t used = 0;
    bool more = true;

    sqlite3_bind_int64(q, 1, device->id);
    sqlite3_bind_int64(q, 2, STORE_DEVICE_KEYS_MAX);
    while (more) {
        TRY(store_connection_next(c, q, &more, why));
        if (!more || used == STORE_DEVICE_KEYS_MAX)
            continue;
        keys[used].kind = sqlite3_column_int(q, 0);
        store_connection_octets(q, 1, keys[used++].sha256, STORE_HASH_SIZE);
    }
    device->keys = keys;
    device->key_count = used;
    return ERR_OK;
}

/* All rows of a query that is bound, at most `max`, with their keys. */
static enum err all_rows(struct store_connection *c, sqlite3_stmt *q, struct arena *a,
                         size_t max, struct store_device **rows, size_t *count,
                         struct err_info *why)
{
    struct store_device *list = arena_array(a, max, sizeof *list);
    size_t used = 0;
    bool more = true;

    while (more) {
        TRY(store_connection_next(c, q, &more, why));
        if (more && used < max)
            from_row(q, a, &list[used++]);
    }
    for (size_t i = 0; i < used; i++)
        TRY(load_keys(c, a, &list[i], why));
    *rows = list;
    *count = used;
    return ERR_OK;
}

enum err store_device_load(struct store_connection *c, struct arena *a,
                           const struct store_identifier *identifier,
                           struct store_device **row, struct err_info *why)
{
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_DEVICE_FIND);
    struct store_device *rows = NULL;
    size_t count = 0;

    sqlite3_bind_int(q, 1, identifier->type);
    store_connection_bind_text(q, 2, identifier->value);
    TRY(all_rows(c, q, a, 1, &rows, &count, why));
    if (count == 0)
        return err_set(why, ERR_NOT_FOUND, "there is no such device in the inventory");
    *row = rows;
    return ERR_OK;
}

enum err store_device_find(struct store_session *s, struct arena *a,
                           const struct store_identifier *identifier,
                           struct store_device **row, struct err_info *why)
{
    return store_read_end(
        s, store_device_load(store_read_begin(s), a, identifier, row, why));
}

static enum err by_key(struct store_connection *c, struct arena *a,
                       const struct store_device_key *key, struct store_device **rows,
                       size_t *count, struct err_info *why)
{
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_DEVICE_BY_KEY);

    store_connection_bind_span(q, 1, span_make(key->sha256, STORE_HASH_SIZE));
    sqlite3_bind_int(q, 2, key->kind);
    sqlite3_bind_int64(q, 3, STORE_DEVICE_TYPES_MAX);
    return all_rows(c, q, a, STORE_DEVICE_TYPES_MAX, rows, count, why);
}

enum err store_device_by_key(struct store_session *s, struct arena *a,
                             const struct store_device_key *key,
                             struct store_device **rows, size_t *count,
                             struct err_info *why)
{
    return store_read_end(s, by_key(store_read_begin(s), a, key, rows, count, why));
}

static enum err list(struct store_connection *c, struct arena *a, int64_t after,
                     bool blocked, size_t max, struct store_device **rows, size_t *count,
                     struct err_info *why)
{
    sqlite3_stmt *q = store_connection_statement(
        c, blocked ? STATEMENT_DEVICE_LIST_BLOCKED : STATEMENT_DEVICE_LIST);

    sqlite3_bind_int64(q, 1, after);
    sqlite3_bind_int64(q, 2, (int64_t)max);
    return all_rows(c, q, a, max, rows, count, why);
}

enum err store_device_list(struct store_session *s, struct arena *a, int64_t after,
                           bool blocked, size_t max, struct store_device **rows,
                           size_t *count, struct err_info *why)
{
    return store_read_end(
        s, list(store_read_begin(s), a, after, blocked, max, rows, count, why));
}

enum err store_device_insert(struct store_connection *c,
                             const struct store_device *device, int64_t now, int64_t *id,
                             struct err_info *why)
{
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_DEVICE_ADD);

    sqlite3_bind_int(q, 1, device->identifier.type);
    store_connection_bind_text(q, 2, device->identifier.value);
    store_connection_bind_text(q, 3, device->label);
    sqlite3_bind_int64(q, 4, device->created != 0 ? device->created : now);
    sqlite3_bind_int64(q, 5, device->external_key);
    TRY(store_connection_do(c, q, why));
    *id = sqlite3_last_insert_rowid(c->db);
    return ERR_OK;
}

static enum err run_with_id(struct store_connection *c, enum store_statement which,
                            int64_t id, struct err_info *why)
{
    sqlite3_stmt *q = store_connection_statement(c, which);

    sqlite3_bind_int64(q, 1, id);
    return store_connection_do(c, q, why);
}

static enum err remove_device(struct store_connection *c, struct arena *a,
                              const struct store_identifier *identifier,
                              struct store_device **was, struct err_info *why)
{
    struct store_device *row = NULL;

    TRY(store_device_load(c, a, identifier, &row, why));
    if (row->blocked != 0)
        return err_set(why, ERR_CONFLICT,
                       "the device is blocked, and would not be any more; unblock it "
                       "first if that is meant");
    TRY(run_with_id(c, STATEMENT_DEVICE_KEYS_REMOVE, row->id, why));
    TRY(run_with_id(c, STATEMENT_DEVICE_REMOVE, row->id, why));
    *was = row;
    return ERR_OK;
}

enum err store_device_remove(struct store_session *s, struct arena *a,
                             const struct store_identifier *identifier,
                             struct store_device **was, struct err_info *why)
{
    enum err result = store_batch_begin(s, why);

    if (result == ERR_OK)
        result = remove_device(&s->store->writer, a, identifier, was, why);
    return store_batch_end(s, result);
}

/* ---- putting many ---- */

/* A put on its way. */
struct put {
    struct store_connection *c;
    struct arena *arena;
    const struct store_device_putting *putting;
    struct store_device_put_result *result;
    size_t room; /* for refusals */
    bool *there; /* of each device: it was there before, and stays blocked or not */
};

/* The list grows only where something is refused. */
static void refuse(struct put *p, const struct store_device_refusal *refusal)
{
    struct store_device_put_result *result = p->result;

    if (result->refusal_count == p->room) {
        size_t room = p->room > 0 ? 2 * p->room : 16;
        struct store_device_refusal *list = arena_array(p->arena, room, sizeof *list);
        if (result->refusal_count > 0)
            memcpy(list, result->refusals, result->refusal_count * sizeof *list);
        result->refusals = list;
        p->room = room;
    }
    result->refusals[result->refusal_count++] = *refusal;
}

/* One key is one device's of each type. */
static enum err put_key(struct put *p, const struct store_device *device, int64_t id,
                        size_t index, size_t number, struct err_info *why)
{
    const struct store_device_key *key = &device->keys[number];
    struct store_device_refusal refusal = {
        .index = index, .obstacle = STORE_DEVICE_KEY_IS_TAKEN, .key = number};
    sqlite3_stmt *q = store_connection_statement(p->c, STATEMENT_DEVICE_KEY_OWNER);
    bool found = false;

    store_connection_bind_span(q, 1, span_make(key->sha256, STORE_HASH_SIZE));
    sqlite3_bind_int(q, 2, key->kind);
    sqlite3_bind_int(q, 3, device->identifier.type);
    TRY(store_connection_next(p->c, q, &found, why));
    int64_t owner = found ? sqlite3_column_int64(q, 0) : id;
    if (found) {
        refusal.identifier.type = sqlite3_column_int(q, 1);
        refusal.identifier.value = store_connection_text(q, 2, p->arena);
        sqlite3_reset(q);
    }
    if (owner != id) {
        refuse(p, &refusal);
        return ERR_OK;
    }
    q = store_connection_statement(p->c, STATEMENT_DEVICE_KEY_ADD);
    store_connection_bind_span(q, 1, span_make(key->sha256, STORE_HASH_SIZE));
    sqlite3_bind_int(q, 2, key->kind);
    sqlite3_bind_int(q, 3, device->identifier.type);
    sqlite3_bind_int64(q, 4, id);
    return store_connection_do(p->c, q, why);
}

static enum err replace(struct put *p, const struct store_device *device, int64_t id,
                        struct err_info *why)
{
    TRY(run_with_id(p->c, STATEMENT_DEVICE_KEYS_REMOVE, id, why));
    sqlite3_stmt *q = store_connection_statement(p->c, STATEMENT_DEVICE_UPDATE);
    sqlite3_bind_int64(q, 1, id);
    store_connection_bind_text(q, 2, device->label);
    sqlite3_bind_int64(q, 3, device->external_key);
    return store_connection_do(p->c, q, why);
}

/* The id of a device that is there, 0 if none is. */
static enum err id_of(struct put *p, const struct store_identifier *identifier,
                      int64_t *id, struct err_info *why)
{
    sqlite3_stmt *q = store_connection_statement(p->c, STATEMENT_DEVICE_FIND);
    bool found = false;

    sqlite3_bind_int(q, 1, identifier->type);
    store_connection_bind_text(q, 2, identifier->value);
    TRY(store_connection_next(p->c, q, &found, why));
    *id = found ? sqlite3_column_int64(q, 0) : 0;
    if (found)
        sqlite3_reset(q);
    return ERR_OK;
}

static enum err put_one(struct put *p, const struct store_device *device, size_t index,
                        struct err_info *why)
{
    const struct store_device_refusal there = {.index = index,
                                               .obstacle = STORE_DEVICE_IS_THERE,
                                               .identifier = device->identifier};
    int64_t id = 0;

    TRY(id_of(p, &device->identifier, &id, why));
    bool is_new = id == 0;
    if (!is_new && !p->putting->replace) {
        refuse(p, &there);
        return ERR_OK;
    }
    TRY(is_new ? store_device_insert(p->c, device, p->putting->now, &id, why)
               : replace(p, device, id, why));
    for (size_t i = 0; i < device->key_count; i++)
        TRY(put_key(p, device, id, index, i, why));
    p->there[index] = !is_new;
    p->result->added += is_new ? 1 : 0;
    p->result->replaced += is_new ? 0 : 1;
    return ERR_OK;
}

/* Who is told of revocations is told only what stays. */
static enum err block_all(struct put *p, const struct store_device *devices, size_t count,
                          struct err_info *why)
{
    struct store_device_blocked ignored = {0};

    for (size_t i = 0; i < count; i++)
        if (devices[i].blocked != 0 && !p->there[i])
            TRY(store_device_block_row(p->c, &devices[i], p->putting->reason,
                                       p->putting->now, p->putting->told, &ignored, why));
    return ERR_OK;
}

/* Rows meet one another in the database, so all of them are put and taken back if that
 * was not to be: nobody else sees them before the change is over. */
static enum err put_all(struct put *p, const struct store_device *devices, size_t count,
                        struct err_info *why)
{
    TRY(store_connection_run(p->c, "SAVEPOINT devices", why));
    for (size_t i = 0; i < count; i++)
        TRY(put_one(p, &devices[i], i, why)); /* ERR_STORE: the batch is undone */
    bool refused = p->result->refusal_count > 0;
    if (refused || p->putting->dry_run)
        TRY(store_connection_run(p->c, "ROLLBACK TO devices", why));
    TRY(store_connection_run(p->c, "RELEASE devices", why));
    if (!refused && !p->putting->dry_run)
        TRY(block_all(p, devices, count, why));
    return refused ? err_set(why, ERR_CONFLICT,
                             "%zu of the devices cannot be put into the inventory",
                             p->result->refusal_count)
                   : ERR_OK;
}

enum err store_device_put(struct store_session *s, struct arena *a,
                          const struct store_device *devices, size_t count,
                          const struct store_device_putting *putting,
                          struct store_device_put_result *result, struct err_info *why)
{
    struct put put = {
        .c = &s->store->writer, .arena = a, .putting = putting, .result = result};

    *result = (struct store_device_put_result){0};
    if (count > STORE_DEVICES_MAX)
        return err_set(why, ERR_USAGE, "at most %d devices can be put at once",
                       STORE_DEVICES_MAX);
    for (size_t i = 0; i < count; i++)
        if (devices[i].key_count > STORE_DEVICE_KEYS_MAX)
            return err_set(why, ERR_USAGE, "a device has at most %d keys",
                           STORE_DEVICE_KEYS_MAX);
    put.there = arena_array(a, count + 1, sizeof *put.there);
    enum err outcome = store_batch_begin(s, why);
    if (outcome == ERR_OK)
        outcome = put_all(&put, devices, count, why);
    if (outcome == ERR_OK && !putting->dry_run) /* some may have come blocked */
        atomic_fetch_add(&s->store->revoked, 1);
    return store_batch_end(s, outcome);
}
