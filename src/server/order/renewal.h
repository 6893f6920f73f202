/* When certificates are to be renewed (RFC 9773): suggested windows, who may replace
 * what, incidents.
 *
 * The window of a certificate lies around two thirds of its lifetime, or around the half
 * if that is less than ten days. It is a 45th of the lifetime wide and moved by at most a
 * 60th to either side, by a hash of the certificate's name: always the same for one
 * certificate, and those that were issued at one moment are not renewed at one moment.
 * (90 days: two days wide, between day 57.5 and 62.5.) An incident pulls it to now,
 * revocation into the past. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/base/arena.h"
#include "core/base/err.h"
#include "core/x509/certificate.h"
#include "server/settings/settings.h"
#include "server/store/store.h"
#include "server/store/store_renewal.h"

/* What a window is made from; seconds. */
struct renewal_life {
    struct span id; /* the certificate's name (RFC 9773 4.1) */
    int64_t not_before;
    int64_t not_after; /* this second counts (RFC 5280 4.1.2.5) */
    int64_t revoked;   /* when, 0: not */
    bool replaced;     /* by a certificate that is there */
};

struct renewal_window {
    int64_t start;           /* seconds */
    int64_t end;             /* after start */
    const char *explanation; /* URL, NULL if there is none */
    int64_t poll;            /* Retry-After: seconds until it is to be asked for again */
};

/* A certificate of ours, with its window at the time it was looked up. */
struct renewal {
    struct store_renewal *row;
    struct certificate *certificate;
    const char *id; /* its name */
    struct renewal_window window;
};

/* The window at `now` (seconds). `incident` is the one that concerns the certificate, or
 * NULL. The texts are those of the incident and the settings. */
void renewal_window_make(const struct renewal_life *life, const struct settings *settings,
                         const struct store_incident *incident, int64_t now,
                         struct renewal_window *window);

/* Does the incident concern that certificate? */
bool renewal_is_concerned(const struct store_incident *incident,
                          const struct store_renewal *row,
                          const struct certificate *certificate);

/* The certificate of that name and its window, in the arena. ERR_MALFORMED if it is no
 * name, ERR_NOT_FOUND if it is not one of this CA's. */
MUST_CHECK enum err renewal_find(struct store_session *session, struct arena *a,
                                 const struct settings *settings, struct span id,
                                 int64_t now, struct renewal **renewal,
                                 struct err_info *why);

/* May this account replace the certificate by one for these identifiers (RFC 9773 5)?
 * ERR_UNAUTHORIZED if it is another account's, ERR_MALFORMED if they have none in common.
 */
MUST_CHECK enum err renewal_check(const struct renewal *renewal, int64_t account_id,
                                  const struct store_identifier *identifiers,
                                  size_t count, struct err_info *why);

/* Is it time to renew it: has its window begun, and is it still valid? An order that
 * replaces it then is what the CA itself suggested; but one that replaces what the CA
 * renews by itself is not. */
bool renewal_is_due(const struct renewal *renewal, int64_t now);

/* Did an order come to nothing (a store_order_judge)? */
bool renewal_order_is_over(const struct store_order *order, int64_t now);

/* How many certificates that are neither expired at `now` nor revoked an incident would
 * concern; `serials` are those of an incident by serial. Looks at all of them, some at a
 * time, with the store free in between. ERR_STORE. */
MUST_CHECK enum err renewal_count(struct store_session *session,
                                  const struct store_incident *incident,
                                  const struct span *serials, size_t serial_count,
                                  int64_t now, int64_t *count, struct err_info *why);
