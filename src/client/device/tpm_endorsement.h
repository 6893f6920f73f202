/* The endorsement key (EK) of a TPM: what its maker certified (TCG EK Credential Profile
 * for TPM 2.0). */
#pragma once

#include "client/device/tpm_object.h"

struct tpm_endorsement {
    TPM2B_PUBLIC area;
    TPM2_HANDLE handle; /* persistent, or 0: made from the template when needed */
    const TPM2B_PUBLIC *template;
    struct span certificate; /* DER; empty if the TPM has none */
};

/* Find it: that of RSA 2048, unless the one of P-256 alone has a certificate. In the
 * arena. */
MUST_CHECK enum err tpm_endorsement_find(struct arena *a, struct tpm_link *link,
                                         struct tpm_endorsement *ek,
                                         struct err_info *why);

/* Have the TPM read what was encrypted to this EK for a key of that name
 * (TPM2_ActivateCredential); both with the length in front that a TPM2B has. The answer
 * is in the arena. ERR_PROTOCOL if they are no such structures, or it is not for us. */
MUST_CHECK enum err tpm_endorsement_activate(struct arena *a, struct tpm_link *link,
                                             const struct tpm_endorsement *ek,
                                             const struct tpm_blob *key,
                                             struct span credential, struct span secret,
                                             struct span *answer, struct err_info *why);
