/* The two requests of an enrolment (docs/devices.md), out of their JSON. */
#pragma once

#include "server/exchange/exchange.h"
#include "server/order/enroll_desk.h"

#define ENROLLMENT_REQUEST_MAX 32768 /* octets of a body */

/* The request for a credential, but for the secret; in the exchange's arena.
 * ERR_MALFORMED, ERR_MEDIA_TYPE, ERR_TOO_LARGE. */
MUST_CHECK enum err enrollment_request_read(const struct exchange *x,
                                            struct enroll_desk_question *question,
                                            struct err_info *why);

/* The secret that came back. The same errors. */
MUST_CHECK enum err enrollment_request_secret(const struct exchange *x,
                                              struct span *secret, struct err_info *why);
