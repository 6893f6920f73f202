/* Certificates of TPMs (TCG EK Credential Profile 2.x): what their makers say of
 * endorsement keys, and how a TPM is named, also in certificates of attestation keys
 * (WebAuthn 8.3.1). */
#pragma once

#include "core/x509/certificate.h"
#include "core/x509/der_write.h"

#define TPM_CERTIFICATE_TEXT_MAX 64 /* octets of each part of a name */

/* Manufacturer, model and version of a TPM, in UTF-8: "id:" and eight hexadecimal digits,
 * whatever its maker calls it, "id:" and a firmware's version. */
struct tpm_certificate_name {
    struct span manufacturer;
    struct span model;
    struct span version;
};

#define TPM_CERTIFICATE_ID_DIGITS 8 /* of a manufacturer */
#define TPM_CERTIFICATE_VERSION_DIGITS                                                   \
    16 /* of a version at most; makers write 4 or 8                                      \
        */

/* Is it "id:" and `min` to `max` hexadecimal digits, as WebAuthn 8.3.1 wants manufacturer
 * (8) and version? */
bool tpm_certificate_is_id(struct span text, size_t min, size_t max);

/* Read the name out of a Name element (RDNSequence), whose attributes may share a
 * RelativeDistinguishedName or not. False unless all three are there, once each, of 1 to
 * TPM_CERTIFICATE_TEXT_MAX octets of UTF-8 without control characters. */
bool tpm_certificate_name_read(struct span name, struct tpm_certificate_name *read);

/* Are manufacturer and version such ids? */
bool tpm_certificate_name_is_good(const struct tpm_certificate_name *name);

/* Write it as a directoryName (GeneralName), a RelativeDistinguishedName for each
 * attribute. */
void tpm_certificate_name_write(struct der_writer *w,
                                const struct tpm_certificate_name *name);

/* The certificate of an endorsement key; spans point into its octets. */
struct tpm_certificate_ek {
    const struct certificate *certificate;
    struct span spki;
    struct tpm_certificate_name name;
};

/* Read one, and check what the profile asks of it: version 3, no CA, extended key usage
 * tcg-kp-EKCertificate (3.5.9), a key usage that fits the key (3.5.4), the TPM's name in
 * the subjectAltName (3.5.6); and that its key is not marked id-RSAES-OAEP, as some
 * makers mark it. Its chain is the caller's affair. ERR_MALFORMED if it
 * cannot be read, ERR_BAD_ATTESTATION_STATEMENT for the rest. */
MUST_CHECK enum err tpm_certificate_ek_read(struct arena *a, struct span der,
                                            struct tpm_certificate_ek *ek,
                                            struct err_info *why);
