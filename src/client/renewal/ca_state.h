/* What is remembered of a CA between two runs, and shared by all certificates that are
 * got there: DIR/cas/HASH.json. A breaker: while a CA cannot be reached it is asked once
 * in a while, not by each of a thousand certificates. And the rate limits of the account
 * there. It may be lost without harm. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/base/arena.h"
#include "core/base/err.h"

#define CA_STATE_TRIAL_S                                                                 \
    600 /* that long the others wait for who tries a CA that was out of reach */
#define CA_STATE_LIMITS                                                                  \
    2 /* certificates refused by rate limits, one after the other,                       \
         that mean the account */

struct ca_state {
    int64_t failures;     /* in a row */
    int64_t closed_until; /* seconds: not asked before; 0: reachable */
    int64_t failed_at;
    const char *detail; /* the last failure: a sentence, or NULL */
    int64_t limits;     /* rate limits in a row */
    int64_t limited_until;
    int64_t limited_at;
    const char *limit; /* what the CA said, or NULL */
};

/* Read what is remembered of the CA with that directory URL; nothing if there is no file,
 * or a damaged one. */
void ca_state_load(struct arena *a, const char *directory, const char *ca,
                   struct ca_state *state);

/* May the CA be asked now for a certificate? Who may when it was out of reach tries it
 * for the others, which are kept away for CA_STATE_TRIAL_S or until ca_state_note.
 * ERR_UNAVAILABLE or ERR_RATE_LIMITED with the moment from which it may be asked, in
 * words and as retry_after_seconds; ERR_IO. */
MUST_CHECK enum err ca_state_ask(struct arena *a, const char *directory, const char *ca,
                                 int64_t now, struct err_info *why);

/* What came of asking the CA: `result` and `outcome`; ERR_INTERRUPTED for what says
 * nothing of it, such as a failure on our side. ERR_IO. */
MUST_CHECK enum err ca_state_note(struct arena *a, const char *directory, const char *ca,
                                  enum err result, const struct err_info *outcome,
                                  int64_t now, struct err_info *why);

/* Is it a failure that another CA may not have? */
bool ca_state_is_its_fault(enum err result);
