/* From names to a certificate: order, challenges, finalize, download (RFC 8555 7.4). */
#pragma once

#include "client/flow/flow_options.h"
#include "client/report/report.h"
#include "client/session/session.h"

#define FLOW_POLL_FIRST_MS 50
#define FLOW_POLL_MAX_S    60   /* between two looks, unless the CA says more */
#define FLOW_WAIT_TOLD_MS  2000 /* the user is told of waits as long as that */

/* Get a certificate for the names of the options, all of them proved at once; the keeper
 * signs, makes the request and has the challenges answered. `*pem` is what the CA sent,
 * in the arena, not checked (flow_check.h). Errors: the CA's, with the name it concerns;
 * ERR_VALIDATION if control was not proved; ERR_INVALID_PROFILE; ERR_TIMEOUT;
 * ERR_PROTOCOL. */
MUST_CHECK enum err flow_issue(struct session *session,
                               const struct flow_options *options,
                               const struct report *report, struct arena *a,
                               struct span *pem, struct err_info *why);
