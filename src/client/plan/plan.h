/* What is to be done about a certificate, and why: from what is wanted and what is there.
 * Pure: it looks at nothing but its arguments. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "client/renewal/renewal_when.h"
#include "client/store/certificate_store.h"

enum plan_action {
    PLAN_KEEP,
    PLAN_ISSUE,   /* there is none yet */
    PLAN_REISSUE, /* the one that is there is another than the one that is wanted */
    PLAN_RENEW,   /* it ends soon, or its files are damaged */
};

/* What else is looked at, by whoever calls: all of it may be unknown. */
struct plan_facts {
    const char *csr; /* SHA-256 of the request that is wanted, hexadecimal; "": none is,
                        NULL: it cannot be read */
    const char *damage; /* what is wrong with the files that are there: a phrase; NULL:
                           nothing */
};

#define PLAN_REASON_MAX 512 /* octets, with the final NUL */

struct plan {
    enum plan_action action;
    int64_t due;     /* when it is to be got or renewed, in seconds; RENEWAL_WHEN_NEVER */
    int64_t attempt; /* when that may be tried: later after failures */
    bool waits;      /* there is something to do, and it waits because it failed */
    bool asks;       /* it is renewed when the CA suggests (RFC 9773) */
    bool held;       /* it is kept as it was revoked, or rolled back to: not so if it is
                        asked for */
    char reason[PLAN_REASON_MAX]; /* a phrase: "8 days are left" */
};

/* Decide for one certificate at the time `now`, in seconds; `there` is NULL if there is
 * none, `state` what is remembered of its renewals. */
void plan_certificate(const struct wanted *w, const struct certificate_metadata *there,
                      const struct renewal_state *state, const struct plan_facts *facts,
                      int64_t now, struct plan *p);

/* What is wanted of a certificate, as far as it makes another one, in short: hexadecimal,
 * NUL-terminated; `to` has PLAN_DIGEST_SIZE. */
#define PLAN_DIGEST_SIZE 65
void plan_digest(const struct wanted *w, const struct plan_facts *facts, char *to);

/* Are these exactly the certificate's names, in any order? */
bool plan_same_names(const struct certificate_metadata *m, const char *const *names,
                     size_t count);

/* "keep", "issue", "reissue", "renew". */
const char *plan_action(enum plan_action action);
