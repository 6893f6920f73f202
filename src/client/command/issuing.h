/* Getting one certificate and keeping it: what issue and renew share. */
#pragma once

#include "client/command/binding.h"
#include "client/command/crew.h"
#include "client/report/report.h"
#include "client/store/certificate_store.h"

/* What is wanted. `wanted` holds names, CA, key type and way; its times and serial are
 * filled from what came back. */
struct issuing {
    const char *directory;
    const char *name; /* of the certificate here */
    struct certificate_metadata wanted;
    const char *email;      /* NULL: none */
    struct binding binding; /* for a new account */
    struct crew *crew;      /* started when it is needed */
    bool agree_terms;
    bool forced; /* a new certificate, and one for a device's attestation key */
    struct report report;
};

/* Finish what an earlier run left undone in the state folder: TXT records that it could
 * not remove. Those that still cannot be removed are told of, and are no failure.
 * ERR_INTERRUPTED, ERR_INTERNAL. The lock must be held. */
MUST_CHECK enum err issuing_prepare(struct crew *crew, const char *directory,
                                    const struct report *report, struct err_info *why);

/* Do it; `*path` is the folder that shows the certificate. The lock must be held. */
MUST_CHECK enum err issuing_run(struct arena *a, struct issuing *i, const char **path,
                                struct err_info *why);

/* The certificates of the CA file, empty for the system's. ERR_CONFIG. */
MUST_CHECK enum err issuing_read_roots(struct arena *a, const struct issuing *i,
                                       struct span *roots, struct err_info *why);

/* ERR_USAGE unless it is a key type of --key that there is. */
MUST_CHECK enum err issuing_check_key_type(const char *text, struct err_info *why);
