/* An account's life at its CA (RFC 8555 7.3): shown, changed, given another key, ended.
 */
#pragma once

#include "client/flow/flow_options.h"
#include "client/session/session.h"

#define FLOW_ACCOUNT_MAX (64 * 1024) /* octets of what is known of an account */

/* Do one of the tasks from FLOW_REGISTER on. `*known` is a JSON object: url, status,
 * contact (an array), and where the CA says it orders (how many) and terms_agreed; made
 * if it is new. Errors: the CA's; ERR_ACCOUNT_DOES_NOT_EXIST; ERR_REFUSED if the CA has
 * no such resource. */
MUST_CHECK enum err flow_account(struct session *s, const struct flow_options *o,
                                 struct arena *a, struct span *known,
                                 struct err_info *why);

/* Revoke the certificate of the options (RFC 8555 7.6): by the account, or with the
 * certificate's own key. One that is revoked already is no failure: `*answer` is
 * FLOW_ACCOUNT_BEFORE then, else empty. */
#define FLOW_ACCOUNT_BEFORE "before"
MUST_CHECK enum err flow_account_revoke(struct session *s, const struct flow_options *o,
                                        struct span *answer, struct err_info *why);
