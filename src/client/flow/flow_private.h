/* Between flow.c (the order) and flow_authorizations.c (its challenges). */
#pragma once

#include "client/flow/flow.h"

/* One flow under way. */
struct flow {
    struct session *session;
    const struct report *report;
    struct arena *arena;
    const char *const *names;
    size_t name_count;
    const struct challenge_list *challenges;
    int64_t deadline_us;

    const char *order_url;
    const char *finalize_url;
    const char *certificate_url;
    enum order_status status;
    const char **authorizations; /* URLs */
    size_t authorization_count;
    int64_t retry_after; /* seconds, as the CA said last; 0: nothing */
};

/* Prove control of every name that is not proved already. */
MUST_CHECK enum err flow_prove(struct flow *f, struct err_info *why);

/* If the CA's problem is that CAA records forbid it: tell the record that allows that
 * name (NULL: each of the order's) to this account by the challenges that were set up
 * (RFC 8657), if the CA says what it is called (caaIdentities, RFC 8555 7.1.1). */
void flow_caa_advise(const struct flow *f, const char *problem_type, const char *name);

/* Wait before the next look: as the CA said, or a little longer each time (`*round`
 * counts). ERR_TIMEOUT when the time is up. */
MUST_CHECK enum err flow_wait(struct flow *f, int *round, struct err_info *why);
