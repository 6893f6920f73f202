/* Rows of blocked keys. */
#include "server/store/store_key.h"

#include "server/store/store_private.h"

static void from_row(sqlite3_stmt *q, struct arena *a, struct store_blocked_key *key)
{
    store_connection_octets(q, 0, key->hash, STORE_HASH_SIZE);
    key->since = sqlite3_column_int64(q, 1);
    key->reason = store_connection_text(q, 2, a);
}

static enum err find(struct store_connection *c, struct arena *a, const uint8_t *hash,
                     struct store_blocked_key *key, bool *found, struct err_info *why)
{
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_KEY_BLOCKED);

    store_connection_bind_span(q, 1, span_make(hash, STORE_HASH_SIZE));
    TRY(store_connection_next(c, q, found, why));
    if (*found) {
        from_row(q, a, key);
        sqlite3_reset(q);
    }
    return ERR_OK;
}

static enum err block(struct store_connection *c, const struct store_blocked_key *key,
                      struct err_info *why)
{
    AUTO(arena) struct arena *a = arena_new();
    struct store_blocked_key before = {0};
    bool found = false;

    TRY(find(c, a, key->hash, &before, &found, why));
    if (found)
        return err_set(why, ERR_CONFLICT, "the key is blocked already");
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_KEY_BLOCK_FOR);
    store_connection_bind_span(q, 1, span_make(key->hash, STORE_HASH_SIZE));
    sqlite3_bind_int64(q, 2, key->since);
    store_connection_bind_text(q, 3, key->reason);
    return store_connection_do(c, q, why);
}

enum err store_key_add(struct store_session *s, const struct store_blocked_key *key,
                       struct err_info *why)
{
    enum err result = store_batch_begin(s, why);

    if (result == ERR_OK)
        result = block(&s->store->writer, key, why);
    return store_batch_end(s, result);
}

static enum err unblock(struct store_connection *c, struct arena *a, const uint8_t *hash,
                        struct store_blocked_key *was, struct err_info *why)
{
    bool found = false;

    TRY(find(c, a, hash, was, &found, why));
    if (!found)
        return err_set(why, ERR_NOT_FOUND, "that key is not blocked");
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_KEY_UNBLOCK);
    store_connection_bind_span(q, 1, span_make(hash, STORE_HASH_SIZE));
    return store_connection_do(c, q, why);
}

enum err store_key_remove(struct store_session *s, struct arena *a,
                          const uint8_t hash[STORE_HASH_SIZE],
                          struct store_blocked_key *was, struct err_info *why)
{
    enum err result = store_batch_begin(s, why);

    if (result == ERR_OK)
        result = unblock(&s->store->writer, a, hash, was, why);
    return store_batch_end(s, result);
}

static enum err list(struct store_connection *c, struct arena *a, const uint8_t *after,
                     size_t max, struct store_blocked_key **keys, size_t *count,
                     struct err_info *why)
{
    struct store_blocked_key *found = arena_array(a, max, sizeof *found);
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_KEYS_BLOCKED);
    size_t used = 0;
    bool more = true;

    store_connection_bind_span(q, 1, span_make(after, STORE_HASH_SIZE));
    sqlite3_bind_int64(q, 2, (int64_t)max);
    while (more) {
        TRY(store_connection_next(c, q, &more, why));
        if (more && used < max)
            from_row(q, a, &found[used++]);
    }
    *keys = found;
    *count = used;
    return ERR_OK;
}

enum err store_key_list(struct store_session *s, struct arena *a,
                        const uint8_t after[STORE_HASH_SIZE], size_t max,
                        struct store_blocked_key **keys, size_t *count,
                        struct err_info *why)
{
    return store_read_end(s, list(store_read_begin(s), a, after, max, keys, count, why));
}

enum err store_key_check(struct store_connection *c, const uint8_t *hash,
                         struct err_info *why)
{
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_KEY_IS_CERTIFIED);
    bool found = false;

    store_connection_bind_span(q, 1, span_make(hash, STORE_HASH_SIZE));
    TRY(store_connection_next(c, q, &found, why));
    if (!found)
        return ERR_OK;
    sqlite3_reset(q);
    return err_set(
        why, ERR_BAD_PUBLIC_KEY,
        "the key is that of a certificate; an account needs one of its own (RFC "
        "8555 11.1)");
}
