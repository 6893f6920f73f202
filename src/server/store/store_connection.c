/* SQLite connections and prepared statements. */
#include <pthread.h>
#include <string.h>

#include "server/store/store_private.h"
#include "server/store/store_wal_file.h"

#define BUSY_WAIT_MS                                                                     \
    5000 /* another program looking at the database, such as a backup                    \
          */

static const char *const sql_of[STATEMENT_COUNT] = {
#define STATEMENT(name, sql) sql,
#include "server/store/statements.def"
#undef STATEMENT
};

/* Which file, and why, as far as SQLite says. */
static enum err cannot(struct store_connection *c, const char *what, struct err_info *why)
{
    const char *path = c->db != NULL ? sqlite3_db_filename(c->db, "main") : NULL;
    int error = c->db != NULL ? sqlite3_system_errno(c->db) : 0;

    if (path == NULL || path[0] == '\0')
        path = "the store's file";
    return error != 0 ? err_set_os(why, ERR_STORE, error, "%s cannot be %s", path, what)
                      : err_set(why, ERR_STORE, "%s cannot be %s", path, what);
}

enum err store_connection_error(struct store_connection *c, int result,
                                struct err_info *why)
{
    switch (result & 0xff) {
    case SQLITE_FULL:
        return err_set(why, ERR_STORE, "the disk of the store is full");
    case SQLITE_NOTADB:
        return err_set(why, ERR_STORE, "the store's file is not a database");
    case SQLITE_CORRUPT:
        return err_set(why, ERR_STORE, "the store's file is damaged; restore a backup");
    case SQLITE_BUSY:
        return err_set(why, ERR_STORE, "the store is in use by another program");
    case SQLITE_CANTOPEN:
        return cannot(c, "opened", why);
    case SQLITE_READONLY:
        return cannot(c, "written", why);
    default:
        return err_set(why, ERR_STORE, "the store failed: %s",
                       c->db != NULL ? sqlite3_errmsg(c->db) : sqlite3_errstr(result));
    }
}

static pthread_once_t once = PTHREAD_ONCE_INIT;
static const char *vfs; /* NULL is SQLite's own */

/* Nobody asks how much memory SQLite has, and counting takes a lock each time. */
static void set_up_sqlite(void)
{
    (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    vfs = store_wal_file_vfs();
}

static enum err open_file(const char *path, int flags, struct store_connection *c,
                          struct err_info *why)
{
    memset(c, 0, sizeof *c);
    (void)pthread_once(&once, set_up_sqlite);
    int result = sqlite3_open_v2(path, &c->db, flags | SQLITE_OPEN_NOMUTEX, vfs);
    if (result == SQLITE_OK)
        result = sqlite3_extended_result_codes(c->db, 1);
    if (result == SQLITE_OK)
        result = sqlite3_busy_timeout(c->db, BUSY_WAIT_MS);
    int keep = 1;
    if (result == SQLITE_OK)
        result = sqlite3_file_control(c->db, "main", SQLITE_FCNTL_PERSIST_WAL, &keep);
    if (result == SQLITE_OK)
        return ERR_OK;
    enum err failure = (result & 0xff) == SQLITE_CANTOPEN && c->db != NULL
                           ? err_set_os(why, ERR_STORE, sqlite3_system_errno(c->db),
                                        "cannot open %s", path)
                           : store_connection_error(c, result, why);
    store_connection_close(c);
    return failure;
}

enum err store_connection_open(const char *path, struct store_connection *c,
                               struct err_info *why)
{
    return open_file(path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, c, why);
}

enum err store_connection_open_reader(const char *path, struct store_connection *c,
                                      struct err_info *why)
{
    TRY(open_file(path, SQLITE_OPEN_READONLY, c, why));
    return store_connection_run(c,
                                "PRAGMA query_only=1;PRAGMA temp_store=MEMORY;"
                                "PRAGMA cache_size=-32768;PRAGMA trusted_schema=OFF",
                                why);
}

enum err store_connection_configure(struct store_connection *c, struct err_info *why)
{
    return store_connection_run(c,
                                "PRAGMA journal_mode=WAL;PRAGMA synchronous=NORMAL;"
                                "PRAGMA wal_autocheckpoint=0;PRAGMA temp_store=MEMORY;"
                                "PRAGMA cache_size=-8192;PRAGMA trusted_schema=OFF",
                                why);
}

void store_connection_close(struct store_connection *c)
{
    for (size_t i = 0; i < STATEMENT_COUNT; i++)
        sqlite3_finalize(c->statements[i]);
    sqlite3_close(c->db);
    memset(c, 0, sizeof *c);
}

enum err store_connection_run(struct store_connection *c, const char *sql,
                              struct err_info *why)
{
    int result = sqlite3_exec(c->db, sql, NULL, NULL, NULL);

    return result == SQLITE_OK ? ERR_OK : store_connection_error(c, result, why);
}

sqlite3_stmt *store_connection_statement(struct store_connection *c,
                                         enum store_statement which)
{
    if (c->statements[which] == NULL &&
        sqlite3_prepare_v3(c->db, sql_of[which], -1, SQLITE_PREPARE_PERSISTENT,
                           &c->statements[which], NULL) != SQLITE_OK)
        return NULL;
    /* what an earlier use left bound, or left running, must not be part of this one */
    sqlite3_reset(c->statements[which]);
    sqlite3_clear_bindings(c->statements[which]);
    return c->statements[which];
}

enum err store_connection_do(struct store_connection *c, sqlite3_stmt *statement,
                             struct err_info *why)
{
    int result = statement == NULL ? sqlite3_errcode(c->db) : sqlite3_step(statement);
    enum err failure = ERR_OK;

    if (result != SQLITE_DONE && result != SQLITE_ROW)
        failure = store_connection_error(c, result, why);
    if (statement != NULL) {
        sqlite3_reset(statement);
        sqlite3_clear_bindings(statement);
    }
    return failure;
}

enum err store_connection_next(struct store_connection *c, sqlite3_stmt *statement,
                               bool *row, struct err_info *why)
{
    int result = statement == NULL ? sqlite3_errcode(c->db) : sqlite3_step(statement);
    enum err failure = ERR_OK;

    *row = result == SQLITE_ROW;
    if (*row)
        return ERR_OK;
    if (result != SQLITE_DONE)
        failure = store_connection_error(c, result, why);
    if (statement != NULL) {
        sqlite3_reset(statement);
        sqlite3_clear_bindings(statement);
    }
    return failure;
}

const char *store_connection_text(sqlite3_stmt *statement, int column, struct arena *a)
{
    const unsigned char *text = sqlite3_column_text(statement, column);

    if (text == NULL)
        return NULL;
    return arena_string_of(
        a, span_make(text, (size_t)sqlite3_column_bytes(statement, column)));
}

struct span store_connection_blob(sqlite3_stmt *statement, int column, struct arena *a)
{
    const void *data = sqlite3_column_blob(statement, column);

    return arena_span(a,
                      span_make(data, (size_t)sqlite3_column_bytes(statement, column)));
}

void store_connection_octets(sqlite3_stmt *statement, int column, uint8_t *to,
                             size_t size)
{
    const void *data = sqlite3_column_blob(statement, column);

    memset(to, 0, size);
    if (data != NULL && (size_t)sqlite3_column_bytes(statement, column) == size)
        memcpy(to, data, size);
}

void store_connection_bind_span(sqlite3_stmt *statement, int index, struct span s)
{
    /* a NULL pointer would bind NULL, not the empty blob */
    sqlite3_bind_blob64(statement, index, s.data != NULL ? (const void *)s.data : "",
                        s.len, SQLITE_STATIC);
}

void store_connection_bind_text(sqlite3_stmt *statement, int index, const char *text)
{
    sqlite3_bind_text(statement, index, text, -1, SQLITE_STATIC);
}
