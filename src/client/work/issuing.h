/* Getting one certificate and keeping it: what issue and renew share. */
#pragma once

#include "client/renewal/renewal_state.h"
#include "client/report/report.h"
#include "client/store/certificate_store.h"
#include "client/work/crew.h"

/* One certificate of `wanted`, from one of its CAs. */
struct issuing {
    const char *directory;
    const struct wanted *wanted;
    const struct settings_ca *ca;
    const struct certificate_metadata *before; /* what is replaced; NULL: nothing */
    const struct renewal_state *state; /* how names were proved before; NULL: unknown */
    const char *const *names; /* those of the certificate; a device adds what it is called
                                 if they do not name it */
    size_t name_count;
    struct crew *crew; /* started when it is needed */
    bool agree_terms;
    bool forced; /* a new certificate, and one for a device's attestation key */
    struct report report;
    struct certificate_metadata got; /* filled from what came back */
    bool at_ca; /* what failed is the CA's doing: it is not reached, or says no */
    struct renewal_proof proofs[SETTINGS_NAMES_MAX]; /* challenges that proved a name */
    size_t proof_count;
};

/* Finish what an earlier run left undone in the state folder: TXT records that it could
 * not remove. Those that still cannot be removed are told of, and are no failure.
 * ERR_INTERRUPTED, ERR_INTERNAL. The lock must be held. */
MUST_CHECK enum err issuing_prepare(struct crew *crew, const struct settings *settings,
                                    const char *directory, const struct report *report,
                                    struct err_info *why);

/* Do it for each type of key, and keep all as one version; `*path` is the folder that
 * shows it. The lock must be held. */
MUST_CHECK enum err issuing_run(struct arena *a, struct issuing *i, const char **path,
                                struct err_info *why);

/* The certificates of the CA file, empty for the system's. ERR_CONFIG. */
MUST_CHECK enum err issuing_read_roots(struct arena *a, const struct issuing *i,
                                       struct span *roots, struct err_info *why);
