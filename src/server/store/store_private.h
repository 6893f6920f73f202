/* Inside the SQLite store: connections, statements, batches. */
#pragma once

#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>

#include "server/store/store.h"
#include "server/store/store_device.h"
#include "server/store/store_notes.h"
#include "server/store/store_renewal.h"
#include "server/store/store_reuse.h"

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
    bool noted;                     /* there are notes to be written with it */
    struct store_notes notes;
    bool poisoned; /* a change failed in the middle: the batch must be undone */
    bool stopping;
    struct store_failure failures[STORE_FAILURES_KEPT]; /* ring */
    size_t failure_count;
    _Atomic uint64_t undone;       /* batches that failed */
    _Atomic uint64_t revoked;      /* see store_crl_revoked */
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
    bool lost; /* the change under way is refused: an earlier one was undone */
};

/* The hook of the writer's connection: how long the WAL is after a commit. */
int store_batch_on_wal(void *context, sqlite3 *db, const char *name, int pages);

/* ---- connections (store_connection.c) ---- */

/* Open a connection, which changes nothing in a file that is there; close it with its
 * statements. */
MUST_CHECK enum err store_connection_open(const char *path, struct store_connection *c,
                                          struct err_info *why);

/* The same for reading only. */
MUST_CHECK enum err store_connection_open_reader(const char *path,
                                                 struct store_connection *c,
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

/* ERR_STORE unless the file's version is that of this program. */
MUST_CHECK enum err store_schema_is_current(const char *path, int version,
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

/* May this issuance of an order begin? ERR_CONFLICT unless the order has no error and has
 * not expired when it begins, its place was not taken by another that replaces the same
 * certificate (store_order_add_replacing), and all its authorizations are valid then;
 * ERR_UNAUTHORIZED if its account is not valid any more, ERR_BAD_CSR if the key is
 * blocked or an account's; ERR_NOT_FOUND. */
MUST_CHECK enum err store_order_check(struct store_connection *c,
                                      const struct store_issuance *issuance,
                                      struct err_info *why);

/* The same of a renewal (RFC 8739), but ERR_UNAUTHORIZED if the order has an error or an
 * authorization that was deactivated; expired and removed ones do not matter. */
MUST_CHECK enum err store_order_check_kept(struct store_connection *c,
                                           const struct store_issuance *issuance,
                                           struct err_info *why);

/* Of an auto-renewal order: add its facts, load them (ERR_NOT_FOUND), check whether a
 * renewal may begin (as store_issuance_begin says), note what is known when an issuance
 * begins. */
MUST_CHECK enum err store_star_add(struct store_connection *c, int64_t order_id,
                                   const struct store_star *star, struct err_info *why);
MUST_CHECK enum err store_star_load(struct store_connection *c, struct arena *a,
                                    int64_t order_id, struct store_star **row,
                                    struct err_info *why);
MUST_CHECK enum err store_star_check(struct store_connection *c,
                                     const struct store_issuance *issuance,
                                     struct err_info *why);
MUST_CHECK enum err store_star_note(struct store_connection *c,
                                    const struct store_issuance *issuance,
                                    struct err_info *why);

/* Count one more account bound to the external key, at `now`. ERR_CONFLICT if it is
 * revoked, expired, used up; ERR_NOT_FOUND. */
MUST_CHECK enum err store_external_use(struct store_connection *c, int64_t id,
                                       int64_t now, struct err_info *why);
/* Add an order with its authorizations, those that serve as `reuse` says (NULL: none, and
 * no arena is needed) among them; all checks come before the first row. */
MUST_CHECK enum err store_order_insert(struct store_connection *c, struct arena *a,
                                       struct store_order *order,
                                       const struct store_reuse *reuse,
                                       struct err_info *why);

/* As store_order_by_id. */
MUST_CHECK enum err store_order_load(struct store_connection *c, struct arena *a,
                                     int64_t id, struct store_order **row,
                                     struct err_info *why);

/* The identifiers in an order's row; ERR_STORE if they are damaged. */
MUST_CHECK enum err store_order_identifiers(struct span octets, struct arena *a,
                                            const struct store_identifier **identifiers,
                                            size_t *count, struct err_info *why);

/* ERR_NOT_FOUND unless there is such an account, ERR_UNAUTHORIZED unless it is valid. */
MUST_CHECK enum err store_order_check_account(struct store_connection *c,
                                              int64_t account_id, struct err_info *why);

/* What store_attempt_finish does. */
MUST_CHECK enum err store_attempt_record(struct store_connection *c, int64_t authz_id,
                                         int type, enum store_verdict verdict,
                                         const char *error, const char *record,
                                         int64_t when, struct err_info *why);

/* Write a new authorization; its id is set, and that nothing was attempted. */
MUST_CHECK enum err store_authz_insert(struct store_connection *c,
                                       struct store_authz *authz, struct err_info *why);

/* An authorization of the account that serves for an identifier, as it is shown, if there
 * is one: its own, else one of a name above. Written into `authz`, texts in the arena. */
MUST_CHECK enum err store_reuse_find(struct store_connection *c, struct arena *a,
                                     int64_t account_id,
                                     const struct store_identifier *identifier,
                                     const struct store_reuse *reuse,
                                     struct store_authz *authz, bool *found,
                                     struct err_info *why);

/* Enter a revocation into its issuer's list, or again with another reason. */
MUST_CHECK enum err store_crl_note(struct store_connection *c,
                                   const struct store_issuance *issuance,
                                   struct span issuer, struct err_info *why);

/* An authorization from a row of AUTHZ_BY_ID's columns. */
void store_authz_from_row(sqlite3_stmt *statement, struct arena *a,
                          struct store_authz *authz);

/* With certificate and issuers, from a row of CERTIFICATE_BY_ID's columns. */
void store_certificate_from_row(sqlite3_stmt *statement, struct arena *a,
                                struct store_issuance *issuance);

/* An issuance from a row that begins with ISSUANCE_OF_ORDER's columns, of which there are
 * STORE_ISSUANCE_COLUMNS. */
#define STORE_ISSUANCE_COLUMNS 13
void store_issuance_from_row(sqlite3_stmt *statement, struct arena *a,
                             struct store_issuance *issuance);

/* ERR_BAD_PUBLIC_KEY if the key with that SHA-256 of its SubjectPublicKeyInfo was ever to
 * be certified. */
MUST_CHECK enum err store_key_check(struct store_connection *c, const uint8_t *hash,
                                    struct err_info *why);

/* What an issuance's row says of it. */
enum store_issuance_state {
    STORE_ISSUANCE_BEGUN = 0,
    STORE_ISSUANCE_FINISHED = 1,
    STORE_ISSUANCE_ABANDONED = 2,
    STORE_ISSUANCE_WAITING = 3, /* for its logs: store_precertificate.h */
};

/* ERR_NOT_FOUND; ERR_CONFLICT unless it is begun. */
MUST_CHECK enum err store_issuance_check_begun(struct store_connection *c, int64_t id,
                                               struct err_info *why);
MUST_CHECK enum err store_issuance_set_state(struct store_connection *c, int64_t id,
                                             enum store_issuance_state state,
                                             struct err_info *why);

/* As store_revoke_all; the list has at most some hundred. */
MUST_CHECK enum err store_revocation_of_all(
    struct store_connection *c, const struct store_issuance *const *list, size_t count,
    const struct store_revocation *revocation, int64_t now, struct store_revoked *sum,
    const struct store_revoking *told, struct err_info *why);

/* All rows of a query that is bound and has SEARCH_RANGE's columns, at most `max`. */
MUST_CHECK enum err store_search_rows(struct store_connection *c, sqlite3_stmt *q,
                                      struct arena *a, size_t max,
                                      struct store_found **rows, size_t *count,
                                      struct err_info *why);

/* As store_issuance_begin_own. */
MUST_CHECK enum err store_issuance_insert_own(struct store_connection *c,
                                              struct store_issuance *issuance,
                                              int64_t replaced, struct err_info *why);

/* ---- devices ---- */

/* As store_device_find. */
MUST_CHECK enum err store_device_load(struct store_connection *c, struct arena *a,
                                      const struct store_identifier *identifier,
                                      struct store_device **row, struct err_info *why);

/* Add the row of a device, without keys and not blocked. */
MUST_CHECK enum err store_device_insert(struct store_connection *c,
                                        const struct store_device *device, int64_t now,
                                        int64_t *id, struct err_info *why);

/* As store_device_issuance_begin. */
MUST_CHECK enum err store_device_begin(struct store_connection *c,
                                       struct store_issuance *issuance,
                                       const struct store_identifier *device,
                                       struct err_info *why);

/* As store_device_block; identifier, label, reason and, unless it is 0, blocked of
 * `device` are read. */
MUST_CHECK enum err
store_device_block_row(struct store_connection *c, const struct store_device *device,
                       int crl_reason, int64_t now, const struct store_revoking *told,
                       struct store_device_blocked *result, struct err_info *why);

/* Note which devices a new order names. */
MUST_CHECK enum err store_device_note_order(struct store_connection *c,
                                            const struct store_order *order,
                                            struct err_info *why);

/* ERR_REJECTED_IDENTIFIER if one of them is blocked. */
MUST_CHECK enum err store_device_check_order(struct store_connection *c, int64_t order_id,
                                             struct err_info *why);

/* The device of an authorization has proved itself. */
MUST_CHECK enum err store_device_note_attested(struct store_connection *c,
                                               int64_t authz_id, int64_t now,
                                               struct err_info *why);

/* As store_revocation_check. */
MUST_CHECK enum err store_revocation_look(struct store_connection *c, int64_t issuance_id,
                                          struct err_info *why);

/* As store_issuance_abandon. */
MUST_CHECK enum err store_issuance_give_up(struct store_connection *c, int64_t id,
                                           struct err_info *why);

/* The order's issuance that waits, if there is one, is abandoned. */
MUST_CHECK enum err store_precertificate_abandon(struct store_connection *c,
                                                 int64_t order_id, struct err_info *why);
