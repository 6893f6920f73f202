/* Orders that are renewed by the server itself (RFC 8739, STAR): their facts, beside
 * those of other orders. Such an order has many issuances, one after the other. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/store/store.h"

#define STORE_STAR_TOKEN_SIZE 16 /* octets at the end of the certificate's URL */

struct store_star {
    /* as agreed in newOrder; seconds */
    int64_t start; /* the first certificate begins no earlier; 0: at once */
    int64_t end;   /* no certificate ends later */
    int64_t lifetime;
    int64_t adjust;
    bool allow_get; /* the certificate may be fetched by anybody who has its URL */
    uint8_t token[STORE_STAR_TOKEN_SIZE];
    /* what became of it */
    int64_t first;    /* when the first certificate was due, 0: not finalized */
    int64_t due;      /* when the next is to be made, 0: none */
    int64_t canceled; /* 0: not */
    struct span spki; /* the key of all its certificates, DER; empty: not finalized */
};

/* What store_issuance_begin() is to note of such an order, in the same change. A renewal
 * needs that the order is still due, not canceled, and its last certificate is there
 * (else ERR_CONFLICT), and that the order has no error and none of its authorizations was
 * deactivated (else ERR_UNAUTHORIZED). */
struct store_star_step {
    int64_t seen;     /* `due` as it was read: nobody was quicker */
    int64_t due;      /* the next */
    int64_t first;    /* with the first certificate: when it was due, and the key */
    struct span spki; /* empty: it is a renewal */
};

/* Numbers of the orders that are due at `now`, those that have waited longest first, at
 * most `max`, into `ids`. */
MUST_CHECK enum err store_star_due(struct store_session *s, int64_t now, size_t max,
                                   int64_t *ids, size_t *count, struct err_info *why);

/* Try again at `due` what could not be made; ERR_CONFLICT unless it was due at `seen`. */
MUST_CHECK enum err store_star_postpone(struct store_session *s, int64_t order_id,
                                        int64_t seen, int64_t due, struct err_info *why);

/* No more certificates: what is being signed is given up, the order lives as long as its
 * newest certificate. `error` is the problem (JSON text) if it is not the subscriber who
 * wants that, else NULL. ERR_NOT_FOUND; ERR_CONFLICT if it has no certificate, or is
 * canceled already. */
MUST_CHECK enum err store_star_cancel(struct store_session *s, int64_t order_id,
                                      int64_t now, const char *error,
                                      struct err_info *why);

/* The newest finished issuance of an order, with certificate and issuers; ERR_NOT_FOUND.
 */
MUST_CHECK enum err store_star_certificate(struct store_session *s, struct arena *a,
                                           int64_t order_id, struct store_issuance **row,
                                           struct err_info *why);

/* The clock was set back: what became due by the wrong one is due now. */
MUST_CHECK enum err store_star_clock_back(struct store_session *s, int64_t now,
                                          struct err_info *why);
