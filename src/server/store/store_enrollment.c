/* Rows of enrolments. */
#include "server/store/store_enrollment.h"

#include <string.h>

#include "server/store/store_private.h"

#define EXPIRED_AT_ONCE 20 /* more than come with each: the table does not grow */

static enum err find(struct store_connection *c, struct arena *a, const uint8_t *hash,
                     struct store_enrollment **row, struct err_info *why)
{
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_ENROLLMENT_FIND);
    struct store_enrollment *made = arena_get(a, sizeof *made);
    bool found = false;

    store_connection_bind_span(q, 1, span_make(hash, STORE_HASH_SIZE));
    TRY(store_connection_next(c, q, &found, why));
    if (!found)
        return err_set(why, ERR_NOT_FOUND, "there is no such enrolment");
    memcpy(made->secret_hash, hash, STORE_HASH_SIZE);
    made->expires = sqlite3_column_int64(q, 0);
    made->directory = store_connection_text(q, 1, a);
    store_connection_octets(q, 2, made->ek_hash, STORE_HASH_SIZE);
    made->certified = sqlite3_column_int(q, 3) != 0;
    made->ak = store_connection_blob(q, 4, a);
    made->manufacturer = store_connection_text(q, 5, a);
    made->model = store_connection_text(q, 6, a);
    made->version = store_connection_text(q, 7, a);
    sqlite3_reset(q);
    *row = made;
    return ERR_OK;
}

static enum err add(struct store_connection *c, const struct store_enrollment *e,
                    int64_t now, struct err_info *why)
{
    AUTO(arena) struct arena *a = arena_new();
    struct store_enrollment *there = NULL;

    enum err result = find(c, a, e->secret_hash, &there, why);
    if (result == ERR_OK)
        return err_set(why, ERR_CONFLICT, "the secret is there already");
    if (result != ERR_NOT_FOUND)
        return result;
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_ENROLLMENTS_EXPIRED);
    sqlite3_bind_int64(q, 1, now);
    sqlite3_bind_int(q, 2, EXPIRED_AT_ONCE);
    TRY(store_connection_do(c, q, why));
    q = store_connection_statement(c, STATEMENT_ENROLLMENT_ADD);
    store_connection_bind_span(q, 1, span_make(e->secret_hash, STORE_HASH_SIZE));
    sqlite3_bind_int64(q, 2, e->expires);
    store_connection_bind_text(q, 3, e->directory);
    store_connection_bind_span(q, 4, span_make(e->ek_hash, STORE_HASH_SIZE));
    sqlite3_bind_int(q, 5, e->certified ? 1 : 0);
    store_connection_bind_span(q, 6, e->ak);
    store_connection_bind_text(q, 7, e->manufacturer);
    store_connection_bind_text(q, 8, e->model);
    store_connection_bind_text(q, 9, e->version);
    return store_connection_do(c, q, why);
}

enum err store_enrollment_add(struct store_session *s,
                              const struct store_enrollment *enrollment, int64_t now,
                              struct err_info *why)
{
    enum err result = store_batch_begin(s, why);

    if (result == ERR_OK)
        result = add(&s->store->writer, enrollment, now, why);
    return store_batch_end(s, result);
}

enum err store_enrollment_find(struct store_session *s, struct arena *a,
                               const uint8_t secret_hash[STORE_HASH_SIZE], int64_t now,
                               struct store_enrollment **found, struct err_info *why)
{
    struct store_enrollment *row = NULL;

    TRY(store_read_end(s, find(store_read_begin(s), a, secret_hash, &row, why)));
    if (row->expires <= now)
        return err_set(why, ERR_NOT_FOUND, "the enrolment has expired");
    *found = row;
    return ERR_OK;
}

static enum err use(struct store_connection *c, const uint8_t *hash,
                    struct store_issuance *issuance,
                    const struct store_identifier *device, struct err_info *why)
{
    AUTO(arena) struct arena *a = arena_new();
    struct store_enrollment *row = NULL;

    TRY(find(c, a, hash, &row, why));
    TRY(store_device_begin(c, issuance, device, why));
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_ENROLLMENT_REMOVE);
    store_connection_bind_span(q, 1, span_make(hash, STORE_HASH_SIZE));
    return store_connection_do(c, q, why);
}

enum err store_enrollment_use(struct store_session *s,
                              const uint8_t secret_hash[STORE_HASH_SIZE],
                              struct store_issuance *issuance,
                              const struct store_identifier *device, struct err_info *why)
{
    enum err result = store_batch_begin(s, why);

    if (result == ERR_OK)
        result = use(&s->store->writer, secret_hash, issuance, device, why);
    return store_batch_end(s, result);
}
