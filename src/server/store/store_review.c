/* Certificates and revocations read again, beside the CA that makes them. */
#include "server/store/store_review.h"

#include "core/base/memory.h"
#include "server/store/store_private.h"

static enum err open_file(struct store *s, struct err_info *why)
{
    int version = 0;

    TRY(store_connection_open_reader(s->path, &s->writer, why));
    TRY(store_schema_check(&s->writer, s->path, &version, why));
    return store_schema_is_current(s->path, version, why);
}

enum err store_review_open(const char *path, struct store **store, struct err_info *why)
{
    struct store *s = memory_get_zeroed(1, sizeof *s);

    s->arena = arena_new();
    s->path = arena_string(s->arena, path);
    s->lock_fd = -1;
    s->wal_fd = -1;
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->work, NULL);
    pthread_cond_init(&s->decided_changed, NULL);
    s->batch = 1;
    enum err result = open_file(s, why);
    if (result != ERR_OK) {
        store_close(s);
        return result;
    }
    *store = s;
    return ERR_OK;
}

/* Columns: an issuance's, to-be-signed octets, certificate, when it was revoked, why. */
static void from_row(sqlite3_stmt *q, struct arena *a, struct store_review *row)
{
    const int next = STORE_ISSUANCE_COLUMNS;

    store_issuance_from_row(q, a, &row->issuance);
    row->issuance.tbs = store_connection_blob(q, next, a);
    row->issuance.certificate = store_connection_blob(q, next + 1, a);
    row->has_certificate = row->issuance.certificate.len > 0;
    row->revocation.at = sqlite3_column_int64(q, next + 2);
    row->revocation.reason =
        row->revocation.at != 0 ? sqlite3_column_int(q, next + 3) : STORE_REASON_NONE;
}

static enum err all_rows(struct store_connection *c, sqlite3_stmt *q, struct arena *a,
                         struct store_review **rows, size_t *count, struct err_info *why)
{
    struct store_review *list = arena_array(a, STORE_REVIEW_SPAN, sizeof *list);
    size_t used = 0;
    bool more = true;

    while (more) {
        TRY(store_connection_next(c, q, &more, why));
        if (more && used < STORE_REVIEW_SPAN)
            from_row(q, a, &list[used++]);
    }
    *rows = list;
    *count = used;
    return ERR_OK;
}

enum err store_review_range(struct store_session *s, struct arena *a, int64_t after,
                            int64_t last, int64_t alive, int64_t since,
                            struct store_review **rows, size_t *count,
                            struct err_info *why)
{
    struct store_connection *c = store_read_begin(s);
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_REVIEW_RANGE);

    sqlite3_bind_int64(q, 1, after);
    sqlite3_bind_int64(q, 2, last);
    sqlite3_bind_int64(q, 3, alive);
    sqlite3_bind_int64(q, 4, since);
    return store_read_end(s, all_rows(c, q, a, rows, count, why));
}

enum err store_review_revoked(struct store_session *s, struct arena *a, int64_t after,
                              struct store_review **rows, size_t *count,
                              struct err_info *why)
{
    struct store_connection *c = store_read_begin(s);
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_REVIEW_REVOKED);

    sqlite3_bind_int64(q, 1, after);
    sqlite3_bind_int64(q, 2, STORE_REVIEW_SPAN);
    return store_read_end(s, all_rows(c, q, a, rows, count, why));
}

static enum err one_number(struct store_connection *c, enum store_statement which,
                           int64_t *number, struct err_info *why)
{
    sqlite3_stmt *q = store_connection_statement(c, which);
    bool found = false;

    TRY(store_connection_next(c, q, &found, why));
    *number = found ? sqlite3_column_int64(q, 0) : 0;
    if (found)
        sqlite3_reset(q);
    return ERR_OK;
}

static enum err orphan(struct store_connection *c, int64_t *certificate,
                       int64_t *revocation, struct err_info *why)
{
    TRY(one_number(c, STATEMENT_REVIEW_ORPHAN_CERTIFICATE, certificate, why));
    return one_number(c, STATEMENT_REVIEW_ORPHAN_REVOCATION, revocation, why);
}

enum err store_review_orphan(struct store_session *s, int64_t *certificate,
                             int64_t *revocation, struct err_info *why)
{
    return store_read_end(s, orphan(store_read_begin(s), certificate, revocation, why));
}
