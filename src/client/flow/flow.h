/* From names to a certificate: order, challenges, finalize, download (RFC 8555 7.4). */
#pragma once

#include "client/report/report.h"
#include "client/session/session.h"
#include "client/solve/solve.h"

#define FLOW_NAMES_MAX     100
#define FLOW_WAIT_MAX_S    600 /* for the CA to decide, in all */
#define FLOW_POLL_FIRST_MS 50
#define FLOW_POLL_MAX_S    60 /* between two looks, unless the CA says more */

/* What came out; in the arena. */
struct flow_certificate {
    struct span certificate_pem;
    struct span chain_pem; /* the issuers, without the root */
    int64_t not_before;
    int64_t not_after;
    const char *serial; /* hexadecimal */
};

/* Get a certificate of `key` for the names, all of them proved at once by `solver`'s way.
 * What comes back is checked: these names, this key, valid now. Errors: the CA's, with
 * the name it concerns; ERR_TIMEOUT; ERR_PROTOCOL. The solver is closed in any case. */
MUST_CHECK enum err flow_issue(struct session *session,
                               const struct solve_options *solving,
                               const char *const *names, size_t count,
                               const struct key *key, const struct report *report,
                               struct arena *a, struct flow_certificate *certificate,
                               struct err_info *why);
