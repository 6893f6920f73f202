/* Getting one certificate and keeping it: what issue and renew share. */
#pragma once

#include "client/command/crew.h"
#include "client/report/report.h"
#include "client/store/certificate_store.h"

/* What is wanted. `wanted` holds names, CA, key type and way; its times and serial are
 * filled from what came back. */
struct issuing {
    const char *directory;
    const char *name; /* of the certificate here */
    struct certificate_metadata wanted;
    const char *email; /* NULL: none */
    struct crew *crew; /* started when it is needed */
    bool agree_terms;
    struct report report;
};

/* Do it; `*path` is the folder that shows the certificate. The lock must be held. */
MUST_CHECK enum err issuing_run(struct arena *a, struct issuing *i, const char **path,
                                struct err_info *why);

/* Is it a key type of --key? */
bool issuing_is_key_type(const char *text);
