/* Attempts: the part of an authorization's row that a validation changes. */
#include "server/store/store_private.h"

struct attempt {
    int type;
    int64_t begun;
    int verdict;
    int64_t deactivated;
    int64_t expires;
};

/* The facts a change of the attempt depends on. */
static enum err look(struct store_connection *c, int64_t authz_id, struct attempt *now,
                     struct err_info *why)
{
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_ATTEMPT_STATE);
    bool found = false;

    sqlite3_bind_int64(q, 1, authz_id);
    TRY(store_connection_next(c, q, &found, why));
    if (!found)
        return err_set(why, ERR_NOT_FOUND, "there is no such authorization");
    now->type = sqlite3_column_int(q, 0);
    now->begun = sqlite3_column_int64(q, 1);
    now->verdict = sqlite3_column_int(q, 2);
    now->deactivated = sqlite3_column_int64(q, 3);
    now->expires = sqlite3_column_int64(q, 4);
    sqlite3_reset(q);
    if (now->deactivated != 0)
        return err_set(why, ERR_CONFLICT, "the authorization is deactivated");
    return ERR_OK;
}

static enum err begin(struct store_connection *c, int64_t authz_id, int type,
                      int64_t when, struct err_info *why)
{
    struct attempt now = {0};

    TRY(look(c, authz_id, &now, why));
    if (now.begun != 0)
        return err_set(why, ERR_CONFLICT, "the challenge was attempted already");
    if (now.expires <= when)
        return err_set(why, ERR_CONFLICT, "the authorization has expired");
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_ATTEMPT_BEGIN);
    sqlite3_bind_int64(q, 1, authz_id);
    sqlite3_bind_int(q, 2, type);
    sqlite3_bind_int64(q, 3, when);
    return store_connection_do(c, q, why);
}

enum err store_attempt_begin(struct store_session *s, int64_t authz_id,
                             int challenge_type, int64_t now, struct err_info *why)
{
    enum err result = store_batch_begin(s, why);

    if (result == ERR_OK)
        result = begin(&s->store->writer, authz_id, challenge_type, now, why);
    return store_batch_end(s, result);
}

enum err store_attempt_record(struct store_connection *c, int64_t authz_id, int type,
                              enum store_verdict verdict, const char *error,
                              const char *record, int64_t when, struct err_info *why)
{
    struct attempt now = {0};

    TRY(look(c, authz_id, &now, why));
    if (now.verdict != STORE_VERDICT_NONE)
        return err_set(why, ERR_CONFLICT, "the authorization has a verdict already");
    if (now.begun != 0 && now.type != type)
        return err_set(why, ERR_CONFLICT,
                       "another challenge of the authorization was begun");
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_ATTEMPT_FINISH);
    sqlite3_bind_int64(q, 1, authz_id);
    sqlite3_bind_int(q, 2, type);
    sqlite3_bind_int64(q, 3, now.begun != 0 ? now.begun : when);
    sqlite3_bind_int64(q, 4, when);
    sqlite3_bind_int(q, 5, (int)verdict);
    store_connection_bind_text(q, 6, error);
    store_connection_bind_text(q, 7, record);
    return store_connection_do(c, q, why);
}

enum err store_attempt_finish(struct store_session *s, int64_t authz_id,
                              int challenge_type, enum store_verdict verdict,
                              const char *error, const char *record, int64_t now,
                              struct err_info *why)
{
    enum err result = store_batch_begin(s, why);

    if (result == ERR_OK)
        result = store_attempt_record(&s->store->writer, authz_id, challenge_type,
                                      verdict, error, record, now, why);
    return store_batch_end(s, result);
}

static enum err shorten(struct store_connection *c, int64_t authz_id, int64_t until,
                        int64_t when, struct err_info *why)
{
    struct attempt now = {0};

    TRY(look(c, authz_id, &now, why));
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_AUTHZ_SHORTEN);
    sqlite3_bind_int64(q, 1, authz_id);
    sqlite3_bind_int64(q, 2, until);
    sqlite3_bind_int64(q, 3, when);
    return store_connection_do(c, q, why);
}

enum err store_authz_shorten(struct store_session *s, int64_t id, int64_t until,
                             int64_t now, struct err_info *why)
{
    enum err result = store_batch_begin(s, why);

    if (result == ERR_OK)
        result = shorten(&s->store->writer, id, until, now, why);
    return store_batch_end(s, result);
}

static enum err unfinished(struct store_connection *c, struct arena *a, size_t max,
                           struct store_authz **rows, size_t *count, struct err_info *why)
{
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_AUTHZ_UNFINISHED);
    struct store_authz *list = arena_array(a, max, sizeof *list);
    size_t used = 0;
    bool more = true;

    sqlite3_bind_int64(q, 1, (int64_t)max);
    while (more) {
        TRY(store_connection_next(c, q, &more, why));
        if (more && used < max)
            store_authz_from_row(q, a, &list[used++]);
    }
    *rows = list;
    *count = used;
    return ERR_OK;
}

enum err store_attempts_unfinished(struct store_session *s, struct arena *a, size_t max,
                                   struct store_authz **rows, size_t *count,
                                   struct err_info *why)
{
    return store_read_end(s, unfinished(store_read_begin(s), a, max, rows, count, why));
}
