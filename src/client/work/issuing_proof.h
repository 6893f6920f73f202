/* How the names of one certificate are proved: by the challenge that proved a name the
 * last time if there was one, and by another one, with another order, after one that
 * failed. */
#pragma once

#include "client/flow/flow_options.h"
#include "client/proc/wire.h"
#include "client/solve/solve.h"
#include "client/work/issuing.h"
#include "core/acme/identifier.h"

#define ISSUING_PROOF_ORDERS_MAX 3 /* for one certificate, in all */

/* What was presented for a name, in the order under way. */
struct issuing_try {
    bool presented;
    bool more; /* the CA offers another challenge for it that is set up */
    enum challenge_type type;
};

/* Of one type of key. */
struct issuing_proof {
    struct issuing *i;
    struct issuing_try *tries; /* of each name */
    struct flow_choice failed[FLOW_CHOICES_MAX];
    size_t failed_count;
    struct flow_choice *worked;
    size_t worked_count;
    int orders;    /* that failed */
    size_t fresh;  /* failures of the order under way */
    bool here;     /* one of them was ours: the CA was not told of that challenge */
    bool hopeless; /* of one of them there is no other way to prove the name */
    struct err_info first; /* what the first order failed with */
    bool first_at_ca;
};

/* Begin, with what proved the names before. It lives as long as the arena. */
void issuing_proof_begin(struct issuing_proof *p, struct arena *a, struct issuing *i);

/* Which of our names is it? The CA, and the process that talks to it, must not have
 * anything else proved. `*found` is without "*.". */
bool issuing_proof_find(const struct issuing *i, const char *text, bool wildcard,
                        size_t *index, struct identifier *found);

/* A challenge for that name is about to be answered; `more`: the CA offers others of
 * those that are set up. */
void issuing_proof_present(struct issuing_proof *p, size_t index,
                           enum challenge_type type, bool more);

/* It could not be: neither will others of that type, most probably. `opened`: what
 * answers them was there, at least. */
void issuing_proof_fail_present(struct issuing_proof *p, size_t index, bool opened,
                                enum err result);

/* Those of that type are not to be seen by the CA: because of those that `solve` blames,
 * but neither will the others be, most probably. */
void issuing_proof_fail_ready(struct issuing_proof *p, struct solve *solve,
                              enum challenge_type type, enum err result);

/* Take down what came of a challenge: OUTCOME. ERR_PROTOCOL. */
MUST_CHECK enum err issuing_proof_outcome(struct issuing_proof *p,
                                          const struct wire_message *m,
                                          struct err_info *why);

/* An order failed, as `result` and `why` say. True if another one is to be made, with
 * p->failed. Else `*result` and `why` say how all that ended: what failed first comes
 * first. */
bool issuing_proof_again(struct issuing_proof *p, enum err *result, struct err_info *why);
