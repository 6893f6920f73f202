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

/* The newest batch that the work since store_session_begin() depends on; or, if one of
 * its batches was undone before the next of them began, that one: then the work can
 * change nothing more, which is ERR_STORE. */
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
    int64_t id;            /* > 0; given by the store */
    const char *directory; /* the name of the ACME directory it was made in */
    uint8_t thumbprint[STORE_THUMBPRINT_SIZE];
    const char *jwk;      /* canonical JWK text of the public key */
    const char *contacts; /* JSON array text of contact URLs */
    bool terms_agreed;
    const char *terms; /* URL of the terms agreed to last; "" if none, or not known */
    int64_t terms_at;  /* seconds, when; 0: as `terms` */
    enum store_account_status status;
    int64_t created;      /* seconds since 1970 */
    int64_t external_key; /* id of the key it was bound with (RFC 8555 7.3.4), 0: none */
    const char *external_binding; /* JSON text, as it was sent; NULL: none */
    const uint8_t *key_hash; /* SHA-256 of the key's SubjectPublicKeyInfo, to compare with
                                those of certificates; not kept; NULL: it is not */
};

/* What is to be changed of an account. */
struct store_account_change {
    const char *contacts; /* NULL: leave */
    const char *terms;    /* URL of terms it agrees to now; NULL: leave */
    int64_t terms_at;     /* seconds, when it does */
    enum store_account_status status;
};

/* Add an account, or find the one of its directory that has this thumbprint: `existed`
 * says which. The row as it is now is returned in the arena. `account->id` is ignored. A
 * new one that is bound with an external key is one more use of that: ERR_CONFLICT if it
 * is revoked, expired when the account is created, or used up; ERR_NOT_FOUND.
 * ERR_BAD_PUBLIC_KEY if its key was ever to be certified (RFC 8555 11.1). */
MUST_CHECK enum err store_account_add(struct store_session *s, struct arena *a,
                                      const struct store_account *account, bool *existed,
                                      struct store_account **row, struct err_info *why);

/* ERR_NOT_FOUND if there is none. */
MUST_CHECK enum err store_account_by_id(struct store_session *s, struct arena *a,
                                        int64_t id, struct store_account **row,
                                        struct err_info *why);
MUST_CHECK enum err
store_account_by_thumbprint(struct store_session *s, struct arena *a,
                            const char *directory,
                            const uint8_t thumbprint[STORE_THUMBPRINT_SIZE],
                            struct store_account **row, struct err_info *why);

/* Change a valid account; agreement to terms is never taken back. ERR_NOT_FOUND, or
 * ERR_UNAUTHORIZED if it is not valid any more: what it asked came too late. */
MUST_CHECK enum err store_account_update(struct store_session *s, int64_t id,
                                         const struct store_account_change *change,
                                         struct err_info *why);

/* Give a valid account another key (RFC 8555 7.3.5). ERR_NOT_FOUND; ERR_UNAUTHORIZED if
 * it is not valid any more or its key is not `before`'s; ERR_CONFLICT if an account of
 * its directory has the key already: `*holder` is that account's id then, and 0
 * otherwise. ERR_BAD_PUBLIC_KEY if the key with that SHA-256 of its SubjectPublicKeyInfo
 * (NULL: it is not compared) was ever to be certified. */
MUST_CHECK enum err store_account_rekey(struct store_session *s, int64_t id,
                                        const uint8_t before[STORE_THUMBPRINT_SIZE],
                                        const uint8_t after[STORE_THUMBPRINT_SIZE],
                                        const char *jwk, const uint8_t *key_hash,
                                        int64_t *holder, struct err_info *why);

/* Accounts with ids below `before`, newest first, at most `max`. */
MUST_CHECK enum err store_account_list(struct store_session *s, struct arena *a,
                                       int64_t before, size_t max,
                                       struct store_account **rows, size_t *count,
                                       struct err_info *why);

/* ---- external account keys (RFC 8555 7.3.4)
 * -------------------------------------------- */

#define STORE_EXTERNAL_SECRET_MAX 1024 /* octets */

struct store_external_key {
    int64_t id;         /* > 0; given by the store */
    const char *kid;    /* how clients call it */
    struct span secret; /* the MAC key; never to be logged */
    const char *label;  /* for people */
    const char *policy; /* JSON object text: what its accounts may do */
    int64_t created;    /* seconds */
    int64_t expires;    /* seconds: no account is bound from then on; 0: never */
    int64_t revoked;    /* seconds, 0: not */
    int64_t uses;       /* accounts that were bound with it */
    int64_t uses_most;  /* 0: any number */
};

/* Add a key; id, revoked and uses are ignored. ERR_CONFLICT if the kid is taken. */
MUST_CHECK enum err store_external_add(struct store_session *s,
                                       const struct store_external_key *key,
                                       struct err_info *why);

/* ERR_NOT_FOUND if there is none. */
MUST_CHECK enum err store_external_by_kid(struct store_session *s, struct arena *a,
                                          const char *kid,
                                          struct store_external_key **row,
                                          struct err_info *why);
MUST_CHECK enum err store_external_by_id(struct store_session *s, struct arena *a,
                                         int64_t id, struct store_external_key **row,
                                         struct err_info *why);

/* Keys with ids above `after`, oldest first, at most `max`. */
MUST_CHECK enum err store_external_list(struct store_session *s, struct arena *a,
                                        int64_t after, size_t max,
                                        struct store_external_key **rows, size_t *count,
                                        struct err_info *why);

/* Ids of accounts bound with a key that are above `after`, into `ids`, which has room for
 * `max`. */
MUST_CHECK enum err store_external_accounts(struct store_session *s, int64_t id,
                                            int64_t after, size_t max, int64_t *ids,
                                            size_t *count, struct err_info *why);

/* Revoke a key (the time of an earlier revocation stays), and with `and_accounts`
 * the valid accounts bound with it, all at once: `accounts` is how many.
 * ERR_NOT_FOUND. */
MUST_CHECK enum err store_external_revoke(struct store_session *s, int64_t id,
                                          int64_t now, bool and_accounts,
                                          int64_t *accounts, struct err_info *why);

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
    int64_t order_id; /* the order it was made for, 0: for none (RFC 8555 7.4.1) */
    struct store_identifier identifier;
    bool wildcard;
    bool subdomains; /* for every name below it as well (RFC 9444) */
    unsigned int
        challenges; /* that may prove it: bits 1 << enum challenge_type, 0: all */
    uint8_t seed[STORE_SEED_SIZE];
    int64_t created;  /* seconds */
    int64_t expires;  /* seconds */
    int64_t lifetime; /* seconds it lives when it was proved, or until `expires` if that
                         is later and an order was its cause */
    int64_t deactivated;   /* seconds, 0: not */
    int attempt_type;      /* enum challenge_type of the attempted challenge, -1: none */
    int64_t attempt_begun; /* seconds, 0: none */
    int64_t attempt_finished; /* seconds, 0: no verdict yet */
    enum store_verdict verdict;
    const char *error; /* problem document (JSON text) of a failed attempt, or NULL */
    const char
        *record; /* evidence of the attempt (JSON text, docs/evidence.md), or NULL */
    int64_t caa_checked; /* seconds: CAA last let its name be certified; 0: never, or it
                            was not looked at. See store_caa.h. */
};

/* With its last attempt. ERR_NOT_FOUND if there is none. */
MUST_CHECK enum err store_authz_by_id(struct store_session *s, struct arena *a,
                                      int64_t id, struct store_authz **row,
                                      struct err_info *why);

/* Note that checking a challenge has begun (so that it is taken up again after a
 * restart). ERR_CONFLICT if an attempt is there already or the authorization is
 * deactivated or has expired. */
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

/* The authorization ends at `until` at the latest (seconds), also when a verdict of `now`
 * makes it last. ERR_NOT_FOUND; ERR_CONFLICT if it is deactivated. */
MUST_CHECK enum err store_authz_shorten(struct store_session *s, int64_t id,
                                        int64_t until, int64_t now, struct err_info *why);

/* Deactivate an authorization (RFC 8555 7.5.2); a verdict that comes later is refused.
 * ERR_NOT_FOUND; ERR_CONFLICT if it is deactivated or invalid already. */
MUST_CHECK enum err store_authz_deactivate(struct store_session *s, int64_t id,
                                           int64_t now, struct err_info *why);

/* Attempts begun without a verdict, by their authorizations' age, at most `max`, but for
 * deactivated ones; for the restart. */
MUST_CHECK enum err store_attempts_unfinished(struct store_session *s, struct arena *a,
                                              size_t max, struct store_authz **rows,
                                              size_t *count, struct err_info *why);

/* ---- orders (RFC 8555 7.1.3) and issuance
 * ------------------------------------------------ */

struct store_star;
struct store_star_step;

/* One try to make a certificate: written before anything is signed. */
struct store_issuance {
    int64_t id;
    int64_t order_id;
    int64_t account_id;
    uint8_t serial[STORE_SERIAL_MAX];
    size_t serial_len;
    uint8_t issuer[STORE_HASH_SIZE]; /* key identifier of its issuer (RFC 5280 4.2.1.2) */
    size_t issuer_len;
    int64_t shard;         /* part of that issuer's revocation list, 0: there are none */
    const char *profile;   /* by which it is made; NULL is "" */
    const char *directory; /* where it was ordered; NULL is "" */
    struct span tbs;       /* the to-be-signed octets, as linted */
    uint8_t key_hash[STORE_HASH_SIZE]; /* of the subject's SubjectPublicKeyInfo */
    uint8_t
        key_thumbprint[STORE_THUMBPRINT_SIZE]; /* of the same key as a JWK; not kept */
    uint8_t csr_hash[STORE_HASH_SIZE];         /* of the request */
    int64_t begun;                             /* seconds */
    int64_t not_after;                         /* seconds */
    bool abandoned;                            /* given up; may still have been signed */
    bool finished;                             /* `certificate` is there */
    bool waiting; /* for logs that gave no timestamps: see store_precertificate.h */
    bool is_precertificate;             /* `tbs` is one's (RFC 6962); not kept */
    struct span certificate;            /* DER; only by store_certificate_by_id */
    struct span issuers;                /* DER certificates behind it, concatenated */
    const struct store_star_step *star; /* of an auto-renewal order: see store_star.h */
};

struct store_order {
    int64_t id;
    int64_t account_id;
    int64_t created;    /* seconds */
    int64_t expires;    /* seconds */
    int64_t not_before; /* seconds asked for, 0: nothing */
    int64_t not_after;
    const char *profile;   /* "" if none was asked for */
    struct span reuse_key; /* octets by which store_reuse_order finds it; none: it
                              is not to be found. Not read back. */
    const struct store_identifier
        *identifiers; /* as shown to the client: wildcards keep "*." */
    size_t identifier_count;
    const char *replaces; /* RFC 9773 5: the name of a certificate, or NULL */
    const char *error;    /* problem document (JSON text) that made it invalid, or NULL */
    struct store_authz *authzs; /* one for each identifier, same order; one that serves
                                   several is there as often */
    size_t authz_count;
    struct store_issuance *issuance; /* the newest that is not abandoned (it may wait),
                                        without its octets; NULL. Of an auto-renewal order
                                        the newest that is finished, if there is one */
    struct store_star *star; /* of an auto-renewal order, see store_star.h; else NULL */
    int64_t caa_checked;     /* seconds: as of store_authz, for all its names */
};

#define STORE_ORDER_MAX_IDENTIFIERS 1000

/* Add an order with its authorizations. From `order` are read: account_id, created,
 * expires, not_before, not_after, profile, replaces, identifiers, reuse_key, star; and of
 * each of authzs[identifier_count]: identifier, wildcard, subdomains, seed, created,
 * expires, lifetime. Sets all ids in `order` and its authzs. Several for subdomains of
 * one name become one. ERR_NOT_FOUND if the account is not there, ERR_UNAUTHORIZED if it
 * is not valid; ERR_MALFORMED if there are no identifiers or too many. */
MUST_CHECK enum err store_order_add(struct store_session *s, struct store_order *order,
                                    struct err_info *why);

/* An order with its authorizations and its issuance; ERR_NOT_FOUND. Of authorizations
 * that housekeeping has removed there is only the id, and an expiry of 0. */
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

/* Record an issuance before signing: order_id, account_id, serial, issuer, shard,
 * profile, directory, tbs, key_hash, key_thumbprint, csr_hash, begun, not_after are read,
 * id is set. ERR_CONFLICT if, when it is begun, the order has an error or has expired, or
 * has an issuance that is neither abandoned nor waiting, or an authorization that is not
 * valid (any more), or the serial was used before; ERR_UNAUTHORIZED if the account is not
 * valid any more; ERR_BAD_CSR if the key is blocked, or any account's, valid or not (RFC
 * 8555 11.1); ERR_REJECTED_IDENTIFIER if the order names a device that is blocked.
 * `star`: see store_star.h. */
MUST_CHECK enum err store_issuance_begin(struct store_session *s,
                                         struct store_issuance *issuance,
                                         struct err_info *why);

/* The same for a certificate of the CA's own, which no order asked for: of its server, or
 * of an OCSP responder. Order and account are 0. Of those that were begun so before and
 * are not finished, `replaced` is given up: an id, 0 for none, or all of them. */
#define STORE_OWN_ALL (-1)
MUST_CHECK enum err store_issuance_begin_own(struct store_session *s,
                                             struct store_issuance *issuance,
                                             int64_t replaced, struct err_info *why);

/* Keep the certificate (DER) and its issuers. ERR_CONFLICT if it is finished or
 * abandoned; ERR_ALREADY_REVOKED as store_revocation_check. */
MUST_CHECK enum err store_issuance_finish(struct store_session *s, int64_t id,
                                          struct span certificate, struct span issuers,
                                          struct err_info *why);

/* Give up; the serial, names and key stay known, and what renews itself is tried again a
 * sixteenth of its lifetime later. ERR_CONFLICT if it is finished or abandoned. */
MUST_CHECK enum err store_issuance_abandon(struct store_session *s, int64_t id,
                                           struct err_info *why);

/* Give up, and make the order invalid with this problem, in one change; but what renews
 * itself and has a certificate is tried again. ERR_CONFLICT if it is finished or
 * abandoned. */
MUST_CHECK enum err store_issuance_refuse(struct store_session *s, int64_t id,
                                          const char *error, struct err_info *why);

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

/* ERR_ALREADY_REVOKED if the issuance of that id, finished or not, is revoked, and some
 * order's: those of the CA's own are in use when they are recorded. */
MUST_CHECK enum err store_revocation_check(struct store_session *s, int64_t issuance_id,
                                           struct err_info *why);

/* Certify the key with this SHA-256 of its SubjectPublicKeyInfo never again. */
MUST_CHECK enum err store_key_block(struct store_session *s,
                                    const uint8_t key_hash[STORE_HASH_SIZE], int64_t now,
                                    struct err_info *why);

/* Is the key with this SHA-256 of its SubjectPublicKeyInfo blocked? */
MUST_CHECK enum err store_key_is_blocked(struct store_session *s,
                                         const uint8_t key_hash[STORE_HASH_SIZE],
                                         bool *blocked, struct err_info *why);
