/* lego's command line: all that lego 4 knows of how names are proved. */
#pragma once

#include "client/adopt/adopt_calls.h"

/* The directory that a call names; NULL if it names none. */
const char *adopt_lego_calls_server(const struct adopt_call *call);

/* Set of the certificate what the call says that is for its first name: challenges and
 * how they are answered, hooks, when to renew. False if there is no such call. */
bool adopt_lego_calls_set(struct adopt *found, const struct adopt_calls *calls,
                          struct adopt_certificate *c);
