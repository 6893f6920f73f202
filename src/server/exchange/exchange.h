/* The tray: one request on its way through the rooms, and its reply on the way back.
 *
 * A handler runs straight down the page on a worker. It may park the exchange until
 * something is decided (a flight lands) or a deadline passes; it is then run again from
 * the function it named. A parked exchange holds no thread. When a step ends without
 * parking, the reply leaves as soon as everything it was made from is on disk. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/arena.h"
#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/base/span.h"
#include "server/exchange/work.h"
#include "server/settings/settings.h"
#include "server/store/store.h"

#define EXCHANGE_HEADERS_MAX 16           /* reply headers a handler may add */
#define EXCHANGE_BODY_MAX    (512 * 1024) /* octets of a reply */

struct account;
struct attest_desk;
struct account_cache;
struct address;
struct gate;
struct enroll_desk;
struct limit;
struct jws;
struct json;
struct ocsp_desk;
struct order_desk;
struct outlook_board;
struct policy_key_lists;
struct issuer_set;
struct shelf;

/* What every room may ask for; made once by the front. */
struct services {
    const struct settings *settings;
    struct store *store;
    struct work_pool *workers;
    struct account_cache *accounts;
    struct gate *gate;                        /* the nonces */
    const struct issuer_set *issuers;         /* who signs, and what stands behind them */
    struct order_desk *orders;                /* the deciders */
    struct attest_desk *attestations;         /* of devices */
    struct ocsp_desk *ocsp;                   /* NULL: none */
    struct enroll_desk *enrollments;          /* of attestation keys; NULL: none */
    struct limit *limits;                     /* how often what may happen */
    struct outlook_board *outlooks;           /* what is known of other perspectives */
    const struct policy_key_lists *key_lists; /* keys that others know to be bad */
    struct shelf *published;                  /* revocation lists, issuer certificates */
};

struct exchange_header {
    const char *name;
    const char *value;
};

struct exchange_reply {
    int status;
    const char *content_type; /* NULL: no body */
    struct buf body;
    struct exchange_header headers[EXCHANGE_HEADERS_MAX];
    size_t header_count;
};

struct exchange;
typedef enum err exchange_step(struct exchange *x, struct err_info *why);

struct exchange {
    struct work_job job; /* must be first: the pool's handle */
    struct services *services;
    struct arena *arena;           /* the request's */
    struct store_session *session; /* of the worker that runs it now */
    exchange_step *step;           /* what runs next */

    /* the request */
    const char *method;
    const char *path;         /* as sent, no query */
    const char *url;          /* origin in use and path */
    const char *content_type; /* NULL if none */
    struct span body;
    const struct address *peer; /* who sent it, NULL: not known */

    /* what the router and the gate put on the tray */
    const struct settings_directory *directory; /* NULL: the path is in none */
    int64_t id;                    /* number at the end of the path, 0 if none */
    const char *name;              /* what stands behind its last slash */
    const struct account *account; /* who signed, NULL if nobody or a new key */
    const struct jws *jws;
    const struct json *payload; /* NULL for POST-as-GET */
    bool post_as_get;
    const void *step_data; /* what a step leaves for the next one, in the arena */

    struct exchange_reply reply;
    store_ticket_number ticket; /* newest batch the reply depends on */

    /* parking; exchange.c's own */
    int state;
    bool parked;
    bool held;
    int64_t hold_until_us;
    struct exchange *hold_next;
    struct exchange *hold_previous;
    struct exchange *flight_next;

    /* who takes the finished reply; the front's */
    void (*finished)(struct exchange *x);
    void *owner;
};

/* Queue an exchange whose request fields, step, finished and services are set. */
void exchange_start(struct exchange *x);

/* Run `step` again when exchange_resume() is called or `hold_until_us`
 * (clock_monotonic_us) has passed, whichever is first; the step may also be run without
 * cause and looks again for itself. To be called by a step, which then returns ERR_OK. */
void exchange_park(struct exchange *x, exchange_step *step, int64_t hold_until_us);

/* Wake a parked exchange; any thread. The caller makes sure that it is still there. */
void exchange_resume(struct exchange *x);

/* Add a reply header; `value` must live as long as the arena. Names are given once each,
 * but for Link. More than EXCHANGE_HEADERS_MAX ends the process: they are all ours. */
void exchange_header_add(struct exchange *x, const char *name, const char *value);

/* A JSON or other body of that type, written by the caller into x->reply.body. */
void exchange_reply_set(struct exchange *x, int status, const char *content_type);

/* "BASE/acme/WHAT/ID" in the arena, or "BASE/acme/DIRECTORY/WHAT/ID" in another directory
 * than the default; without "/ID" when id is 0. */
char *exchange_url(struct exchange *x, const char *what, int64_t id);

/* Thread that wakes what was held too long; started and stopped by the front. */
MUST_CHECK enum err exchange_clock_start(struct err_info *why);
void exchange_clock_stop(void);
