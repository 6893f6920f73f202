/* Rows of rate limits. */
#include "server/store/store_limit.h"

#include "server/store/store_private.h"

/* ---- buckets ---- */

static enum err put_bucket(struct store_connection *c,
                           const struct store_limit_bucket *bucket, struct err_info *why)
{
    bool forget = bucket->tat_us == 0;
    sqlite3_stmt *q = store_connection_statement(c, forget ? STATEMENT_LIMIT_BUCKET_REMOVE
                                                           : STATEMENT_LIMIT_BUCKET_PUT);

    store_connection_bind_text(q, 1, bucket->kind);
    store_connection_bind_text(q, 2, bucket->key);
    if (!forget)
        sqlite3_bind_int64(q, 3, bucket->tat_us);
    return store_connection_do(c, q, why);
}

enum err store_limit_buckets_put(struct store_session *s,
                                 const struct store_limit_bucket *buckets, size_t count,
                                 struct err_info *why)
{
    enum err result = store_batch_begin(s, why);

    for (size_t i = 0; i < count && result == ERR_OK; i++)
        result = put_bucket(&s->store->writer, &buckets[i], why);
    return store_batch_end(s, result);
}

static enum err buckets(struct store_connection *c, struct arena *a, int64_t now_us,
                        size_t max, struct store_limit_bucket **rows, size_t *count,
                        struct err_info *why)
{
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_LIMIT_BUCKETS);
    struct store_limit_bucket *list = arena_array(a, max, sizeof *list);
    size_t used = 0;
    bool more = true;

    sqlite3_bind_int64(q, 1, now_us);
    sqlite3_bind_int64(q, 2, (int64_t)max);
    TRY(store_connection_next(c, q, &more, why));
    while (more) {
        list[used].kind = store_connection_text(q, 0, a);
        list[used].key = store_connection_text(q, 1, a);
        list[used++].tat_us = sqlite3_column_int64(q, 2);
        TRY(store_connection_next(c, q, &more, why));
    }
    *rows = list;
    *count = used;
    return ERR_OK;
}

enum err store_limit_buckets(struct store_session *s, struct arena *a, int64_t now_us,
                             size_t max, struct store_limit_bucket **rows, size_t *count,
                             struct err_info *why)
{
    return store_read_end(s,
                          buckets(store_read_begin(s), a, now_us, max, rows, count, why));
}

static enum err clear(struct store_connection *c, enum store_statement which,
                      int64_t until, size_t max, size_t *removed, struct err_info *why)
{
    sqlite3_stmt *q = store_connection_statement(c, which);

    sqlite3_bind_int64(q, 1, until);
    sqlite3_bind_int64(q, 2, (int64_t)max);
    TRY(store_connection_do(c, q, why));
    *removed += (size_t)sqlite3_changes(c->db);
    return ERR_OK;
}

enum err store_limit_clear(struct store_session *s, int64_t now_us, size_t max,
                           size_t *removed, struct err_info *why)
{
    struct store_connection *c = &s->store->writer;
    size_t count = 0;
    enum err result = store_batch_begin(s, why);

    if (result == ERR_OK)
        result = clear(c, STATEMENT_LIMIT_BUCKETS_CLEAR, now_us, max, &count, why);
    if (result == ERR_OK)
        result = clear(c, STATEMENT_LIMIT_SETS_CLEAR, now_us / 1000000, max, &count, why);
    if (result == ERR_OK)
        *removed = count;
    return store_batch_end(s, result);
}

/* ---- overrides ---- */

static enum err count_rows(struct store_connection *c, enum store_statement which,
                           int64_t *count, struct err_info *why)
{
    sqlite3_stmt *q = store_connection_statement(c, which);
    bool found = false;

    TRY(store_connection_next(c, q, &found, why));
    *count = found ? sqlite3_column_int64(q, 0) : 0;
    if (found)
        sqlite3_reset(q);
    return ERR_OK;
}

static enum err set_override(struct store_connection *c,
                             const struct store_limit_override *override, size_t max,
                             struct err_info *why)
{
    bool remove = override->rate == NULL;
    int64_t count = 0;

    TRY(count_rows(c, STATEMENT_LIMIT_OVERRIDES_COUNT, &count, why));
    sqlite3_stmt *q = store_connection_statement(
        c, remove ? STATEMENT_LIMIT_OVERRIDE_REMOVE : STATEMENT_LIMIT_OVERRIDE_UPDATE);
    store_connection_bind_text(q, 1, override->kind);
    store_connection_bind_text(q, 2, override->key);
    if (!remove)
        store_connection_bind_text(q, 3, override->rate);
    TRY(store_connection_do(c, q, why));
    if (sqlite3_changes(c->db) > 0)
        return ERR_OK;
    if (remove)
        return err_set(why, ERR_NOT_FOUND, "this bucket has no rate of its own");
    if ((size_t)count >= max)
        return err_set(why, ERR_CONFLICT, "there are %zu rates of single buckets already",
                       max);
    q = store_connection_statement(c, STATEMENT_LIMIT_OVERRIDE_ADD);
    store_connection_bind_text(q, 1, override->kind);
    store_connection_bind_text(q, 2, override->key);
    store_connection_bind_text(q, 3, override->rate);
    return store_connection_do(c, q, why);
}

enum err store_limit_override_set(struct store_session *s,
                                  const struct store_limit_override *override, size_t max,
                                  struct err_info *why)
{
    enum err result = store_batch_begin(s, why);

    if (result == ERR_OK)
        result = set_override(&s->store->writer, override, max, why);
    return store_batch_end(s, result);
}

static enum err overrides(struct store_connection *c, struct arena *a, size_t max,
                          struct store_limit_override **rows, size_t *count,
                          struct err_info *why)
{
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_LIMIT_OVERRIDES);
    struct store_limit_override *list = arena_array(a, max, sizeof *list);
    size_t used = 0;
    bool more = true;

    sqlite3_bind_int64(q, 1, (int64_t)max);
    TRY(store_connection_next(c, q, &more, why));
    while (more) {
        list[used].kind = store_connection_text(q, 0, a);
        list[used].key = store_connection_text(q, 1, a);
        list[used++].rate = store_connection_text(q, 2, a);
        TRY(store_connection_next(c, q, &more, why));
    }
    *rows = list;
    *count = used;
    return ERR_OK;
}

enum err store_limit_overrides(struct store_session *s, struct arena *a, size_t max,
                               struct store_limit_override **rows, size_t *count,
                               struct err_info *why)
{
    return store_read_end(s, overrides(store_read_begin(s), a, max, rows, count, why));
}

/* ---- pauses ---- */

static enum err add_pause(struct store_connection *c,
                          const struct store_limit_pause *pause, size_t max,
                          struct err_info *why)
{
    int64_t count = 0;

    TRY(count_rows(c, STATEMENT_LIMIT_PAUSES_COUNT, &count, why));
    if ((size_t)count >= max)
        return err_set(why, ERR_CONFLICT, "%zu identifiers are paused already", max);
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_LIMIT_PAUSE_ADD);
    sqlite3_bind_int64(q, 1, pause->account_id);
    store_connection_bind_text(q, 2, pause->identifier);
    sqlite3_bind_int64(q, 3, pause->since);
    store_connection_bind_text(q, 4, pause->reason);
    TRY(store_connection_do(c, q, why));
    if (sqlite3_changes(c->db) == 0)
        return err_set(why, ERR_CONFLICT, "%s is paused for account %lld already",
                       pause->identifier, (long long)pause->account_id);
    return ERR_OK;
}

enum err store_limit_pause_add(struct store_session *s,
                               const struct store_limit_pause *pause, size_t max,
                               struct err_info *why)
{
    enum err result = store_batch_begin(s, why);

    if (result == ERR_OK)
        result = add_pause(&s->store->writer, pause, max, why);
    return store_batch_end(s, result);
}

static enum err remove_pause(struct store_connection *c, int64_t account_id,
                             const char *identifier, struct err_info *why)
{
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_LIMIT_PAUSE_REMOVE);

    sqlite3_bind_int64(q, 1, account_id);
    store_connection_bind_text(q, 2, identifier);
    TRY(store_connection_do(c, q, why));
    if (sqlite3_changes(c->db) == 0)
        return err_set(why, ERR_NOT_FOUND, "%s is not paused for account %lld",
                       identifier, (long long)account_id);
    return ERR_OK;
}

enum err store_limit_pause_remove(struct store_session *s, int64_t account_id,
                                  const char *identifier, struct err_info *why)
{
    enum err result = store_batch_begin(s, why);

    if (result == ERR_OK)
        result = remove_pause(&s->store->writer, account_id, identifier, why);
    return store_batch_end(s, result);
}

static enum err pauses(struct store_connection *c, struct arena *a, size_t max,
                       struct store_limit_pause **rows, size_t *count,
                       struct err_info *why)
{
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_LIMIT_PAUSES);
    struct store_limit_pause *list = arena_array(a, max, sizeof *list);
    size_t used = 0;
    bool more = true;

    sqlite3_bind_int64(q, 1, (int64_t)max);
    TRY(store_connection_next(c, q, &more, why));
    while (more) {
        list[used].account_id = sqlite3_column_int64(q, 0);
        list[used].identifier = store_connection_text(q, 1, a);
        list[used].since = sqlite3_column_int64(q, 2);
        list[used++].reason = store_connection_text(q, 3, a);
        TRY(store_connection_next(c, q, &more, why));
    }
    *rows = list;
    *count = used;
    return ERR_OK;
}

enum err store_limit_pauses(struct store_session *s, struct arena *a, size_t max,
                            struct store_limit_pause **rows, size_t *count,
                            struct err_info *why)
{
    return store_read_end(s, pauses(store_read_begin(s), a, max, rows, count, why));
}

/* ---- sets of identifiers ---- */

static enum err put_set(struct store_connection *c, const uint8_t *hash,
                        int64_t not_after, struct err_info *why)
{
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_LIMIT_SET_PUT);

    store_connection_bind_span(q, 1, span_make(hash, STORE_HASH_SIZE));
    sqlite3_bind_int64(q, 2, not_after);
    return store_connection_do(c, q, why);
}

enum err store_limit_set_put(struct store_session *s, const uint8_t hash[STORE_HASH_SIZE],
                             int64_t not_after, struct err_info *why)
{
    enum err result = store_batch_begin(s, why);

    if (result == ERR_OK)
        result = put_set(&s->store->writer, hash, not_after, why);
    return store_batch_end(s, result);
}

static enum err get_set(struct store_connection *c, const uint8_t *hash,
                        int64_t *not_after, struct err_info *why)
{
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_LIMIT_SET_GET);
    bool found = false;

    store_connection_bind_span(q, 1, span_make(hash, STORE_HASH_SIZE));
    TRY(store_connection_next(c, q, &found, why));
    *not_after = found ? sqlite3_column_int64(q, 0) : 0;
    if (found)
        sqlite3_reset(q);
    return ERR_OK;
}

enum err store_limit_set_get(struct store_session *s, const uint8_t hash[STORE_HASH_SIZE],
                             int64_t *not_after, struct err_info *why)
{
    return store_read_end(s, get_set(store_read_begin(s), hash, not_after, why));
}
