/* Between the files of an order's way: flow.c, flow_order.c (the order itself),
 * flow_authorizations.c (its challenges) and flow_chain.c (which chain). */
#pragma once

#include "client/flow/flow.h"

#define FLOW_AUTHORIZATIONS_MAX (2 * FLOW_NAMES_MAX) /* of one order */
#define FLOW_CHALLENGES_MAX     50                   /* of one authorization */

/* One flow under way. */
struct flow {
    struct session *session;
    const struct flow_options *options;
    const struct report *report;
    struct arena *arena; /* for what is kept to the end */

    const char *order_url;
    const char *finalize_url;
    const char *certificate_url;
    enum order_status status;
    const char **authorizations; /* URLs, as the order had them first */
    size_t authorization_count;
    bool caa_told;       /* what would allow it stands in the output */
    int64_t retry_after; /* seconds, as the CA said last; 0: nothing */
};

/* POST(-as-GET) whose answer must be JSON; it lives in `a`. As acme_request_post, and
 * ERR_PROTOCOL. */
MUST_CHECK enum err flow_post(struct flow *f, struct arena *a, const char *url,
                              struct span payload, struct acme_reply *reply,
                              struct err_info *why);

/* What is wrong with an answer of the CA is the CA's fault: ERR_MALFORMED becomes
 * ERR_PROTOCOL, with `what` before the sentence. */
enum err flow_blame(enum err result, const char *what, struct err_info *why);

/* The error that a problem document within an answer tells of: ERR_VALIDATION for what a
 * validation may fail with. `about` is what failed. */
enum err flow_problem(const struct json *problem, const char *about,
                      struct err_info *why);

/* What the CA says of the order, held against what was asked for and what it said before.
 * ERR_PROTOCOL, ERR_MALFORMED; of one that failed, what its problem says. */
MUST_CHECK enum err flow_order_read(struct flow *f, const struct json *order,
                                    struct err_info *why);

/* Make the order: newOrder, with what the options ask for. */
MUST_CHECK enum err flow_order_make(struct flow *f, struct err_info *why);

/* All is proved; have the order finalized, and wait until it is valid. */
MUST_CHECK enum err flow_order_finish(struct flow *f, struct err_info *why);

/* Look at the order until it is not pending any more. */
MUST_CHECK enum err flow_order_await(struct flow *f, struct err_info *why);

/* Prove control of every name that is not proved already. */
MUST_CHECK enum err flow_prove(struct flow *f, struct err_info *why);

/* The certificate with its chain: the one preferred, if the CA offers it, else its first,
 * with a warning. A root of that name goes before an issuer further down. */
MUST_CHECK enum err flow_chain_take(struct flow *f, struct span *pem,
                                    struct err_info *why);

/* How well a chain is what is preferred. */
enum flow_chain_match {
    FLOW_CHAIN_OTHER,  /* nobody there is called so */
    FLOW_CHAIN_ISSUER, /* a certificate further down is issued by one who is */
    FLOW_CHAIN_ROOT,   /* whoever issued the last certificate is */
};

/* Is there an issuer whose common name has `part` in it, in any case? A root that is
 * cross-signed by an older one is in both chains, but on top of only one. What cannot be
 * read is FLOW_CHAIN_OTHER. */
enum flow_chain_match flow_chain_matches(struct span pem, const char *part);

/* If the CA's problem is that CAA records forbid it: tell the record that allows that
 * name (NULL: each of the order's) to this account by the challenges that were set up
 * (RFC 8657), if the CA says what it is called (caaIdentities, RFC 8555 7.1.1). */
void flow_caa_advise(struct flow *f, const char *problem_type, const char *name);

/* Wait before the next look: as the CA said, or a little longer each time (`*round`
 * counts). ERR_TIMEOUT when the time is up. */
MUST_CHECK enum err flow_wait(struct flow *f, int *round, struct err_info *why);
