/* The store: what the CA has promised, durable before it is answered.
 *
 * One contract, several backends (SQLite here; PostgreSQL later as a module), one
 * contract test (tests/contract). Operations are in ACME's words, never
 * SQL.
 *
 * Changes. Each function that changes something is one atomic change: it first checks
 * what it needs (and then fails with ERR_NOT_FOUND or ERR_CONFLICT having changed
 * nothing), then writes. It returns when the change is in the current batch, which is not
 * yet on disk. The batch's number is kept by the session as its ticket; an answer may
 * leave only after store_when_durable() has called back for that ticket. One sync covers
 * every change that came while the sync before it ran (group commit). If a batch cannot
 * be written (disk full), all of it is undone, every waiter gets ERR_STORE, and the store
 * goes on with the next batch.
 *
 * Reads see every committed change, perhaps one that is not yet synced: reading also
 * raises the session's ticket, so an answer made from it waits for that sync too.
 *
 * Threads. A session belongs to one thread at a time; the store may have many sessions.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/arena.h"
#include "core/base/err.h"
#include "core/base/span.h"

#define STORE_THUMBPRINT_SIZE 32 /* octets, RFC 7638 with SHA-256 */
#define STORE_SEED_SIZE                                                                  \
    32 /* octets of randomness the challenge tokens are derived from */
#define STORE_SERIAL_MAX 20 /* octets, RFC 5280 4.1.2.2 */
#define STORE_HASH_SIZE  32 /* SHA-256 */

struct store;
struct store_session;

/* Number of a batch; 0 is "nothing to wait for". An alias of a plain number, for the
 * reader. */
typedef uint64_t store_ticket_number;

/* ---- the store itself
 * ------------------------------------------------------------------- */

/* Open (and create, or migrate forward to the newest schema) the database file at `path`,
 * mode 0600. ERR_STORE with a sentence: cannot open, is not a database of this program,
 * was written by a newer version, is in use by another process (a lock is held while it
 * is open). No thread is started before the first change. */
MUST_CHECK enum err store_open(const char *path, struct store **store,
                               struct err_info *why);

/* Commit and sync what is there, call back all waiters, close. NULL is fine. No session
 * may be open. */
void store_close(struct store *store);

/* A session for one thread: its own read connection and prepared statements. */
MUST_CHECK enum err store_session_open(struct store *store,
                                       struct store_session **session,
                                       struct err_info *why);
void store_session_close(struct store_session *session);

/* Begin a piece of work: the session's ticket becomes 0. */
void store_session_begin(struct store_session *session);

/* The newest batch that the work since store_session_begin() depends on. */
store_ticket_number store_session_ticket(const struct store_session *session);

/* The work depends on that batch too: what it read once is used again. */
void store_session_depend(struct store_session *session, store_ticket_number ticket);

/* How many batches were undone so far: when the number has grown, what was read before it
 * did may never have been. Sample it before reading. */
uint64_t store_session_undone(const struct store_session *session);

/* Call `done(argument, result)` once batch `ticket` is on disk (ERR_OK) or was undone
 * (ERR_STORE). Called at once, on this thread, if that is decided already; else on the
 * store's own thread, where it must be quick (hand over to a queue). */
void store_when_durable(struct store *store, store_ticket_number ticket,
                        void (*done)(void *argument, enum err result), void *argument);

/* Block until the batch is decided; for commands and tests. */
MUST_CHECK enum err store_wait(struct store *store, store_ticket_number ticket,
                               struct err_info *why);

/* A small setting of the store by name (octets), such as the nonce key: read
 * (ERR_NOT_FOUND), or put only if absent (ERR_CONFLICT if present). */
MUST_CHECK enum err store_setting_get(struct store_session *s, struct arena *a,
                                      const char *name, struct span *value,
                                      struct err_info *why);
MUST_CHECK enum err store_setting_add(struct store_session *s, const char *name,
                                      struct span value, struct err_info *why);

/* Check the integrity of the whole database; ERR_STORE with the first complaint. */
MUST_CHECK enum err store_check(struct store_session *s, struct err_info *why);

/* ---- accounts (RFC 8555 7.1.2)
 * ---------------------------------------------------------- */

enum store_account_status {
    STORE_ACCOUNT_VALID = 0,
    STORE_ACCOUNT_DEACTIVATED = 1,
    STORE_ACCOUNT_REVOKED = 2,
};

struct store_account {
    int64_t id; /* > 0; given by the store */
    uint8_t thumbprint[STORE_THUMBPRINT_SIZE];
    const char *jwk;      /* canonical JWK text of the public key */
    const char *contacts; /* JSON array text of contact URLs */
    bool terms_agreed;
    enum store_account_status status;
    int64_t created; /* seconds since 1970 */
};

/* Add an account, or find the one that has this thumbprint: `existed` says which. The row
 * as it is now is returned in the arena. `account->id` is ignored. */
MUST_CHECK enum err store_account_add(struct store_session *s, struct arena *a,
                                      const struct store_account *account, bool *existed,
                                      struct store_account **row, struct err_info *why);

/* ERR_NOT_FOUND if there is none. */
MUST_CHECK enum err store_account_by_id(struct store_session *s, struct arena *a,
                                        int64_t id, struct store_account **row,
                                        struct err_info *why);
MUST_CHECK enum err
store_account_by_thumbprint(struct store_session *s, struct arena *a,
                            const uint8_t thumbprint[STORE_THUMBPRINT_SIZE],
                            struct store_account **row, struct err_info *why);

/* Replace contacts (NULL: leave), agreement (never taken back: true sets it) and status
 * of a valid account; ERR_NOT_FOUND, or ERR_CONFLICT if it is not valid any more. */
MUST_CHECK enum err store_account_update(struct store_session *s, int64_t id,
                                         const char *contacts, bool terms_agreed,
                                         enum store_account_status status,
                                         struct err_info *why);

/* Give a valid account another key (RFC 8555 7.3.5). ERR_NOT_FOUND; ERR_CONFLICT if it is
 * not valid any more, its key is not `before`'s, or another account has the key already:
 * `*holder` is that account's id then, and 0 otherwise. */
MUST_CHECK enum err store_account_rekey(struct store_session *s, int64_t id,
                                        const uint8_t before[STORE_THUMBPRINT_SIZE],
                                        const uint8_t after[STORE_THUMBPRINT_SIZE],
                                        const char *jwk, int64_t *holder,
                                        struct err_info *why);

/* ---- authorizations and challenges (RFC 8555 7.1.4)
 * -------------------------------------- */

enum store_verdict {
    STORE_VERDICT_NONE = 0,
    STORE_VERDICT_VALID = 1,
    STORE_VERDICT_INVALID = 2,
};

struct store_identifier {
    int type;          /* enum identifier_type of core/acme; stored as it is */
    const char *value; /* canonical text, without "*." */
};

/* Facts only; the status is computed from them when it is shown. */
struct store_authz {
    int64_t id;
    int64_t account_id;
    int64_t order_id; /* the order it was made for */
    struct store_identifier identifier;
    bool wildcard;
    uint8_t seed[STORE_SEED_SIZE];
    int64_t created;       /* seconds */
    int64_t expires;       /* seconds */
    int64_t deactivated;   /* seconds, 0: not */
    int attempt_type;      /* enum challenge_type of the attempted challenge, -1: none */
    int64_t attempt_begun; /* seconds, 0: none */
    int64_t attempt_finished; /* seconds, 0: no verdict yet */
    enum store_verdict verdict;
    const char *error;  /* problem document (JSON text) of a failed attempt, or NULL */
    const char *record; /* validationRecord (JSON array text), or NULL */
};

/* With its last attempt. ERR_NOT_FOUND if there is none. */
MUST_CHECK enum err store_authz_by_id(struct store_session *s, struct arena *a,
                                      int64_t id, struct store_authz **row,
                                      struct err_info *why);

/* Note that checking a challenge has begun (so that it is taken up again after a
 * restart). ERR_CONFLICT if an attempt is there already or the authorization is
 * deactivated. */
MUST_CHECK enum err store_attempt_begin(struct store_session *s, int64_t authz_id,
                                        int challenge_type, int64_t now,
                                        struct err_info *why);

/* Record the verdict of an attempt; its beginning is set too if it was not. `error` and
 * `record` are JSON texts or NULL. ERR_CONFLICT if there is a verdict already, another
 * challenge type was begun, or the authorization is deactivated. */
MUST_CHECK enum err store_attempt_finish(struct store_session *s, int64_t authz_id,
                                         int challenge_type, enum store_verdict verdict,
                                         const char *error, const char *record,
                                         int64_t now, struct err_info *why);

/* Deactivate an authorization (RFC 8555 7.5.2); a verdict that comes later is refused.
 * ERR_NOT_FOUND; ERR_CONFLICT if it is deactivated or invalid already. */
MUST_CHECK enum err store_authz_deactivate(struct store_session *s, int64_t id,
                                           int64_t now, struct err_info *why);

/* Attempts begun without a verdict, by their authorizations' age, at most `max`; for the
 * restart. */
MUST_CHECK enum err store_attempts_unfinished(struct store_session *s, struct arena *a,
                                              size_t max, struct store_authz **rows,
                                              size_t *count, struct err_info *why);

/* ---- orders (RFC 8555 7.1.3) and issuance
 * ------------------------------------------------ */

/* One try to make a certificate: written before anything is signed. */
struct store_issuance {
    int64_t id;
    int64_t order_id;
    int64_t account_id;
    uint8_t serial[STORE_SERIAL_MAX];
    size_t serial_len;
    struct span tbs;                   /* the to-be-signed octets, as linted */
    uint8_t key_hash[STORE_HASH_SIZE]; /* of the subject's SubjectPublicKeyInfo */
    uint8_t csr_hash[STORE_HASH_SIZE]; /* of the request */
    int64_t begun;                     /* seconds */
    int64_t not_after;                 /* seconds */
    bool abandoned;                    /* given up; may still have been signed */
    bool finished;                     /* `certificate` is there */
    struct span certificate;           /* DER; only by store_certificate_by_id */
    struct span issuers;               /* DER certificates behind it, concatenated */
};

struct store_order {
    int64_t id;
    int64_t account_id;
    int64_t created;    /* seconds */
    int64_t expires;    /* seconds */
    int64_t not_before; /* seconds asked for, 0: nothing */
    int64_t not_after;
    const char *profile; /* "" if none was asked for */
    const struct store_identifier
        *identifiers; /* as shown to the client: wildcards keep "*." */
    size_t identifier_count;
    const char *error; /* problem document (JSON text) that made it invalid, or NULL */
    struct store_authz *authzs; /* one for each identifier, same order */
    size_t authz_count;
    struct store_issuance
        *issuance; /* the newest that is not abandoned, without its octets; NULL */
};

/* An authorization to be made with an order: identifier, wildcard, seed and expires are
 * read. */
#define STORE_ORDER_MAX_IDENTIFIERS 1000

/* Add an order with its authorizations. From `order` are read: account_id, created,
 * expires, not_before, not_after, profile, identifiers; and of each of
 * authzs[identifier_count]: identifier, wildcard, seed, created, expires. Sets all ids in
 * `order` and its authzs. ERR_NOT_FOUND if the account is not there or not valid;
 * ERR_MALFORMED if there are no identifiers or too many. */
MUST_CHECK enum err store_order_add(struct store_session *s, struct store_order *order,
                                    struct err_info *why);

/* An order with its authorizations and its issuance; ERR_NOT_FOUND. */
MUST_CHECK enum err store_order_by_id(struct store_session *s, struct arena *a,
                                      int64_t id, struct store_order **row,
                                      struct err_info *why);

/* Ids of an account's orders that are below `before`, newest first, into `ids`, which has
 * room for `max`. */
MUST_CHECK enum err store_orders_of_account(struct store_session *s, int64_t account_id,
                                            int64_t before, size_t max, int64_t *ids,
                                            size_t *count, struct err_info *why);

/* Make an order invalid with this problem. ERR_CONFLICT if it has an error already or a
 * finished issuance. */
MUST_CHECK enum err store_order_fail(struct store_session *s, int64_t order_id,
                                     const char *error, struct err_info *why);

/* Record an issuance before signing: order_id, account_id, serial, tbs, key_hash,
 * csr_hash, begun, not_after are read, id is set. ERR_CONFLICT if the order has an error,
 * an issuance that is not abandoned, or an authorization that is not valid (any more), or
 * the serial was used before. */
MUST_CHECK enum err store_issuance_begin(struct store_session *s,
                                         struct store_issuance *issuance,
                                         struct err_info *why);

/* Keep the certificate (DER) and its issuers. ERR_CONFLICT if it is finished or
 * abandoned. */
MUST_CHECK enum err store_issuance_finish(struct store_session *s, int64_t id,
                                          struct span certificate, struct span issuers,
                                          struct err_info *why);

/* Give up; the serial, names and key stay known. ERR_CONFLICT if it is finished or
 * abandoned. */
MUST_CHECK enum err store_issuance_abandon(struct store_session *s, int64_t id,
                                           struct err_info *why);

/* Issuances begun, neither finished nor abandoned, oldest first, at most `max`, with
 * their octets; for the restart. */
MUST_CHECK enum err store_issuances_unfinished(struct store_session *s, struct arena *a,
                                               size_t max, struct store_issuance **rows,
                                               size_t *count, struct err_info *why);

/* The finished issuance of that id with certificate and issuers; ERR_NOT_FOUND. */
MUST_CHECK enum err store_certificate_by_id(struct store_session *s, struct arena *a,
                                            int64_t id, struct store_issuance **row,
                                            struct err_info *why);

/* ---- revocation (RFC 8555 7.6)
 * ---------------------------------------------------------- */

#define STORE_REASON_NONE (-1) /* no reason was given (RFC 5280 5.3.1) */

struct store_revocation {
    int64_t at; /* seconds, 0: not revoked */
    int reason; /* CRLReason, or STORE_REASON_NONE */
};

/* The finished issuance with that serial, its certificate and issuers, and whether it is
 * revoked; ERR_NOT_FOUND. */
MUST_CHECK enum err store_certificate_by_serial(struct store_session *s, struct arena *a,
                                                struct span serial,
                                                struct store_issuance **row,
                                                struct store_revocation *revocation,
                                                struct err_info *why);

/* Revoke; with `block_key`, its key_hash is never certified again. A revocation for
 * another reason is changed to keyCompromise if that is the reason now, and keeps its
 * time; otherwise ERR_CONFLICT if it is revoked already. */
MUST_CHECK enum err store_revoke(struct store_session *s,
                                 const struct store_issuance *issuance,
                                 const struct store_revocation *revocation,
                                 bool block_key, struct err_info *why);

/* Is the key with this SHA-256 of its SubjectPublicKeyInfo blocked? */
MUST_CHECK enum err store_key_is_blocked(struct store_session *s,
                                         const uint8_t key_hash[STORE_HASH_SIZE],
                                         bool *blocked, struct err_info *why);

/* Has the account valid authorizations, not expired at `now`, for all of these? A
 * wildcard needs one that was made for the wildcard. */
MUST_CHECK enum err store_account_has_proved(struct store_session *s, int64_t account_id,
                                             const struct store_identifier *identifiers,
                                             size_t count, int64_t now, bool *all,
                                             struct err_info *why);
