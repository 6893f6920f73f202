/* The SQLite store: opened, closed, sessions, settings. */
#include "server/store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/file.h"
#include "core/base/memory.h"
#include "server/store/store_private.h"

/* Two processes must never serve one store: the lock goes with the process. */
static enum err take_lock(struct store *store, struct err_info *why)
{
    char *path = arena_printf(store->arena, "%s.lock", store->path);

    store->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (store->lock_fd < 0)
        return err_set_os(why, ERR_STORE, errno, "cannot open %s", path);
    if (flock(store->lock_fd, LOCK_EX | LOCK_NB) != 0)
        return err_set(why, ERR_STORE, "%s is in use by another cairn-ca", store->path);
    return ERR_OK;
}

static enum err open_files(struct store *store, struct err_info *why)
{
    mode_t old = umask(0077);
    int version = 0;
    enum err result = take_lock(store, why);

    if (result == ERR_OK)
        result = store_connection_open(store->path, &store->writer, why);
    if (result == ERR_OK)
        result = store_schema_check(&store->writer, store->path, &version, why);
    if (result == ERR_OK)
        result = store_connection_configure(&store->writer, why);
    if (result == ERR_OK)
        result = store_schema_prepare(&store->writer, version, why);
    if (result == ERR_OK)
        (void)sqlite3_wal_hook(store->writer.db, store_batch_on_wal, store);
    if (result == ERR_OK)
        result = store_connection_open(store->path, &store->checkpointer, why);
    if (result == ERR_OK)
        result = store_connection_configure(&store->checkpointer, why);
    (void)umask(old);
    if (result != ERR_OK)
        return result;
    char *wal = arena_printf(store->arena, "%s-wal", store->path);
    store->wal_fd = open(wal, O_RDWR | O_CLOEXEC);
    if (store->wal_fd < 0)
        return err_set_os(why, ERR_STORE, errno, "cannot open %s", wal);
    if (fsync(store->wal_fd) != 0)
        return err_set_os(why, ERR_STORE, errno, "cannot sync %s", wal);
    char *directory = arena_string(store->arena, store->path);
    char *slash = NULL;
    for (char *p = directory; *p != '\0'; p++)
        if (*p == '/')
            slash = p;
    if (slash != NULL)
        *slash = '\0';
    return file_sync_directory(slash == NULL        ? "."
                               : slash == directory ? "/"
                                                    : directory,
                               why);
}

enum err store_open(const char *path, struct store **store, struct err_info *why)
{
    struct store *s = memory_get_zeroed(1, sizeof *s);
    pthread_mutexattr_t again;

    s->arena = arena_new();
    s->path = arena_string(s->arena, path);
    s->lock_fd = -1;
    s->wal_fd = -1;
    /* again by who holds it: store_notes_hold() */
    pthread_mutexattr_init(&again);
    pthread_mutexattr_settype(&again, PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_init(&s->lock, &again);
    pthread_mutexattr_destroy(&again);
    pthread_cond_init(&s->work, NULL);
    pthread_cond_init(&s->decided_changed, NULL);
    s->batch = 1;
    enum err result = open_files(s, why);
    if (result != ERR_OK) {
        store_close(s);
        return result;
    }
    *store = s;
    return ERR_OK;
}

void store_close(struct store *store)
{
    if (store == NULL)
        return;
    store_batch_stop(store);
    store_connection_close(&store->checkpointer);
    store_connection_close(&store->writer);
    if (store->wal_fd >= 0)
        (void)close(store->wal_fd);
    if (store->lock_fd >= 0)
        (void)close(store->lock_fd);
    pthread_cond_destroy(&store->decided_changed);
    pthread_cond_destroy(&store->work);
    pthread_mutex_destroy(&store->lock);
    arena_free(store->arena);
    free(store->waiters);
    free(store);
}

enum err store_session_open(struct store *store, struct store_session **session,
                            struct err_info *why)
{
    struct store_session *s = memory_get_zeroed(1, sizeof *s);

    s->store = store;
    (void)why;
    *session = s;
    return ERR_OK;
}

void store_session_close(struct store_session *session)
{
    if (session == NULL)
        return;
    free(session);
}

void store_session_begin(struct store_session *session)
{
    session->ticket = 0;
}

store_ticket_number store_session_ticket(const struct store_session *session)
{
    return session->ticket;
}

uint64_t store_session_undone(const struct store_session *session)
{
    return atomic_load(&session->store->undone);
}

static enum err setting_get(struct store_connection *c, struct arena *a, const char *name,
                            struct span *value, struct err_info *why)
{
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_SETTING_GET);
    bool row = false;

    store_connection_bind_text(q, 1, name);
    TRY(store_connection_next(c, q, &row, why));
    if (!row)
        return err_set(why, ERR_NOT_FOUND, "there is no setting %s", name);
    *value = store_connection_blob(q, 0, a);
    sqlite3_reset(q);
    return ERR_OK;
}

enum err store_setting_get(struct store_session *s, struct arena *a, const char *name,
                           struct span *value, struct err_info *why)
{
    return store_read_end(s, setting_get(store_read_begin(s), a, name, value, why));
}

static enum err setting_add(struct store_connection *c, const char *name,
                            struct span value, struct err_info *why)
{
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_SETTING_GET);
    bool row = false;

    store_connection_bind_text(q, 1, name);
    TRY(store_connection_next(c, q, &row, why));
    if (row) {
        sqlite3_reset(q);
        return err_set(why, ERR_CONFLICT, "the setting %s is there already", name);
    }
    q = store_connection_statement(c, STATEMENT_SETTING_ADD);
    store_connection_bind_text(q, 1, name);
    store_connection_bind_span(q, 2, value);
    return store_connection_do(c, q, why);
}

enum err store_setting_add(struct store_session *s, const char *name, struct span value,
                           struct err_info *why)
{
    enum err result = store_batch_begin(s, why);

    if (result == ERR_OK)
        result = setting_add(&s->store->writer, name, value, why);
    return store_batch_end(s, result);
}

static enum err check(struct store_connection *c, struct err_info *why)
{
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_CHECK);
    bool row = false;

    TRY(store_connection_next(c, q, &row, why));
    const char *text = row ? (const char *)sqlite3_column_text(q, 0) : NULL;
    bool good = text != NULL && sqlite3_stricmp(text, "ok") == 0;
    enum err result = good ? ERR_OK
                           : err_set(why, ERR_STORE, "the store is damaged: %s",
                                     text != NULL ? text : "no answer");
    sqlite3_reset(q);
    return result;
}

enum err store_check(struct store_session *s, struct err_info *why)
{
    return store_read_end(s, check(store_read_begin(s), why));
}
