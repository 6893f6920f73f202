/* When a certificate is to be renewed, from what is known of it: the CA's suggestion, its
 * lifetime, what the user wants, what failed. No file, no network, no clock. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "client/renewal/renewal_state.h"
#include "client/settings/renew_rule.h"

#define RENEWAL_WHEN_NEVER INT64_MAX

/* Why it is due then. */
enum renewal_reason {
    RENEWAL_REASON_SUGGESTED, /* the CA suggests it */
    RENEWAL_REASON_LIFETIME,  /* a third of its lifetime is left, or a half */
    RENEWAL_REASON_RULE,      /* the user wants it so */
    RENEWAL_REASON_ENDING,    /* the CA's suggestion would be too late */
    RENEWAL_REASON_NEVER,     /* the user does not want it, or has revoked it */
};

struct renewal_when {
    int64_t due;     /* seconds; RENEWAL_WHEN_NEVER */
    int64_t attempt; /* when it may be tried: later than `due` after failures */
    enum renewal_reason reason;
    bool now;   /* try it */
    bool waits; /* it is due, and waits because an attempt failed */
};

/* Decide. Times are seconds; the certificate in force is valid from `not_before` to
 * `not_after`. With "auto" and no suggestion it is due when a third of its lifetime is
 * left, or a half of one below ten days; a suggestion counts up to a twelfth of the
 * lifetime before the end. A clock that was set back behind what is remembered makes that
 * count for nothing. */
struct renewal_when renewal_when(const struct renew_rule *rule, int64_t not_before,
                                 int64_t not_after, const struct renewal_state *state,
                                 int64_t now);

/* When something that is due then may be tried: later after failures, unless they are of
 * a clock that was set back since. */
int64_t renewal_when_attempt(const struct renewal_state *state, int64_t due, int64_t now);

/* Is the CA to be asked for its suggestion about the certificate of that name (RFC 9773
 * 4.1)? */
bool renewal_when_ask(const struct renewal_state *state, const char *certificate,
                      int64_t now);

/* In words, such as "the CA suggests it". */
const char *renewal_when_reason(enum renewal_reason reason);
