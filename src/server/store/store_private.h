/* Inside the SQLite store: connections, statements, batches. */
#pragma once

#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>

#include "server/store/store.h"

enum store_statement {
#define STATEMENT(name, sql) STATEMENT_##name,
#include "server/store/statements.def"
#undef STATEMENT
    STATEMENT_COUNT
};

/* A connection with its statements, prepared when first used. */
struct store_connection {
    sqlite3 *db;
    sqlite3_stmt *statements[STATEMENT_COUNT];
};

#define STORE_FAILURES_KEPT 256 /* runs of failed batches, for those who ask late */

/* Batches that failed one after the other. */
struct store_failure {
    store_ticket_number first;
    store_ticket_number last;
};

struct store_waiter {
    store_ticket_number ticket;
    void (*done)(void *argument, enum err result);
    void *argument;
};

struct store {
    struct arena *arena;
    const char *path;
    struct store_connection writer; /* under `lock` */
    struct store_connection checkpointer;
    int lock_fd;
    int wal_fd;

    pthread_mutex_t lock;
    pthread_cond_t work;            /* for the committer */
    pthread_cond_t decided_changed; /* for store_wait */
    store_ticket_number batch;      /* the one being filled; 1 is the first */
    store_ticket_number committed;  /* newest that readers may see */
    store_ticket_number decided;    /* newest that is on disk, or undone */
    bool dirty;                     /* the batch has changes */
    bool poisoned; /* a change failed in the middle: the batch must be undone */
    bool stopping;
    struct store_failure failures[STORE_FAILURES_KEPT]; /* ring */
    size_t failure_count;
    _Atomic uint64_t undone;       /* batches that failed */
    store_ticket_number forgotten; /* newest failure that has left the ring */
    struct store_waiter *waiters;
    size_t waiter_count;
    size_t waiter_room;
    int wal_pages;  /* of the WAL now; this and the next two are the committer's alone */
    int wal_copied; /* so many are in the database already */
    bool wal_rest;  /* it was copied; what came since is to be copied too */
    pthread_t committer;
    bool committer_runs;
};

struct store_session {
    struct store *store;
    store_ticket_number ticket;
};

/* The hook of the writer's connection: how long the WAL is after a commit. */
int store_batch_on_wal(void *context, sqlite3 *db, const char *name, int pages);

/* ---- connections (store_connection.c) ---- */

/* Open a connection, which changes nothing in a file that is there; close it with its
 * statements. */
MUST_CHECK enum err store_connection_open(const char *path, struct store_connection *c,
                                          struct err_info *why);

/* Make it what every one is to be. The file becomes one with a WAL. */
MUST_CHECK enum err store_connection_configure(struct store_connection *c,
                                               struct err_info *why);
void store_connection_close(struct store_connection *c);

/* Run SQL text without results. */
MUST_CHECK enum err store_connection_run(struct store_connection *c, const char *sql,
                                         struct err_info *why);

/* The statement, prepared, reset, nothing bound; NULL if it cannot be prepared. */
sqlite3_stmt *store_connection_statement(struct store_connection *c,
                                         enum store_statement which);

/* Turn an SQLite failure into ERR_STORE with a sentence a person can act on. */
enum err store_connection_error(struct store_connection *c, int result,
                                struct err_info *why);

/* Step a statement that gives no row. */
MUST_CHECK enum err store_connection_do(struct store_connection *c,
                                        sqlite3_stmt *statement, struct err_info *why);

/* Step to the next row: `row` says if there is one; the statement is reset when there is
 * none. */
MUST_CHECK enum err store_connection_next(struct store_connection *c,
                                          sqlite3_stmt *statement, bool *row,
                                          struct err_info *why);

/* Copies of columns in the arena. */
const char *store_connection_text(sqlite3_stmt *statement, int column, struct arena *a);
struct span store_connection_blob(sqlite3_stmt *statement, int column, struct arena *a);

/* Copy a blob of exactly `size` octets; zeros if it has another size. */
void store_connection_octets(sqlite3_stmt *statement, int column, uint8_t *to,
                             size_t size);

/* Bind; data must stay until the statement was stepped. */
void store_connection_bind_span(sqlite3_stmt *statement, int index, struct span s);
void store_connection_bind_text(sqlite3_stmt *statement, int index, const char *text);

/* ---- schema (store_schema.c) ---- */

/* Refuse what is not ours or newer, before anything is changed. `version` is the file's.
 */
MUST_CHECK enum err store_schema_check(struct store_connection *c, const char *path,
                                       int *version, struct err_info *why);

/* Make the schema, or migrate it forward from `version`. */
MUST_CHECK enum err store_schema_prepare(struct store_connection *c, int version,
                                         struct err_info *why);

/* ---- batches (store_batch.c) ---- */

/* Begin a change: takes the lock and opens the batch. store_batch_end must follow, also
 * after a failure of anything between. */
MUST_CHECK enum err store_batch_begin(struct store_session *s, struct err_info *why);

/* End it. `result` is what the change came to: ERR_STORE undoes the whole batch; any
 * other failure says that nothing was written. Returns `result`. */
enum err store_batch_end(struct store_session *s, enum err result);

/* Begin a read: takes the lock and gives the connection, the writer's own. It has every
 * page in its cache, where a connection of the reader's would have to read anew whatever
 * changed, and a read takes some microseconds. store_read_end must follow. */
struct store_connection *store_read_begin(struct store_session *s);

/* End it: the session depends on what was seen. Returns `result`. */
enum err store_read_end(struct store_session *s, enum err result);

/* Commit what is there and end the thread. */
void store_batch_stop(struct store *store);

/* ---- rows shared between files ---- */

/* ERR_CONFLICT unless the order has no error and all its authorizations are valid and not
 * deactivated; ERR_NOT_FOUND. */
MUST_CHECK enum err store_order_check(struct store_connection *c, int64_t id,
                                      struct err_info *why);

/* An authorization from a row of AUTHZ_BY_ID's columns. */
void store_authz_from_row(sqlite3_stmt *statement, struct arena *a,
                          struct store_authz *authz);

/* With certificate and issuers, from a row of CERTIFICATE_BY_ID's columns. */
void store_certificate_from_row(sqlite3_stmt *statement, struct arena *a,
                                struct store_issuance *issuance);

/* An issuance from a row of ISSUANCE_OF_ORDER's columns. */
void store_issuance_from_row(sqlite3_stmt *statement, struct store_issuance *issuance);
