/* What a TPM's attestation key (AK) is called in its certificate (TCG EK Credential
 * Profile 3.5.6 and WebAuthn 8.3.1 for the TPM, RFC 4043 or 4108 for the device). */
#pragma once

#include "core/acme/identifier.h"
#include "core/base/arena.h"
#include "core/crypto/hash.h"
#include "core/x509/tpm_certificate.h"

#define TEMPLATE_EK_URI "urn:ek:sha256:" /* and standard base64 of the EK's SHA-256 */

struct template_attestation {
    struct tpm_certificate_name tpm;
    struct identifier device;            /* permanent-identifier or hardware-module */
    uint8_t ek_sha256[HASH_SHA256_SIZE]; /* of the EK's SubjectPublicKeyInfo */
};

/* The names (GeneralName, one behind the other) for template_leaf.general_names, in the
 * arena: directoryName, otherName, URI. ERR_TOO_LARGE. */
MUST_CHECK enum err template_attestation_names(struct arena *a,
                                               const struct template_attestation *of,
                                               struct span *names, struct err_info *why);
