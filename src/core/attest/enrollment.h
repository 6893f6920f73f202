/* A TPM asks for a certificate of one of its attestation keys (AK): is what it says of
 * that key and of its endorsement key (EK) right? That both are in one TPM is proved by
 * credential activation (core/tpm/credential.h), which the credential made here begins.
 * Hostile octets come in here. */
#pragma once

#include "core/base/arena.h"
#include "core/base/err.h"
#include "core/base/span.h"
#include "core/crypto/hash.h"
#include "core/tpm/credential.h"
#include "core/x509/tpm_certificate.h"

#define ENROLLMENT_CERTIFICATES_MAX 4 /* of an EK: its own, and what its chain needs */

/* What is asked; empty spans are not there. */
struct enrollment_question {
    struct span ek;                     /* SubjectPublicKeyInfo */
    const struct span *ek_certificates; /* DER, the EK's own first */
    size_t ek_certificate_count;
    struct span public;                  /* TPMT_PUBLIC of the AK */
    struct span create_data;             /* TPMS_CREATION_DATA */
    struct span create_attestation;      /* TPMS_ATTEST of TPM2_CertifyCreation */
    struct span create_signature;        /* TPMT_SIGNATURE by the AK itself */
    struct tpm_certificate_name claimed; /* what the TPM says it is */
    struct span roots;  /* certificates (PEM) of makers; each ends a chain */
    struct span secret; /* to be sealed: CREDENTIAL_SECRET_MAX octets at most */
    int64_t now;
};

/* What is right of it; lives in the arena. */
struct enrollment_answer {
    bool certified;                      /* a maker vouches for the EK, as of now */
    const char *doubt;                   /* why not; "" if `certified` */
    uint8_t ek_sha256[HASH_SHA256_SIZE]; /* of its SubjectPublicKeyInfo */
    struct span ak;                      /* SubjectPublicKeyInfo of the AK */
    struct tpm_certificate_name tpm; /* out of the EK's certificate, if `certified`, else
                                        what is claimed */
    struct credential credential;
};

/* Judge, and seal the secret for the TPM of that EK and AK. An EK that nobody vouches for
 * is no error, but `doubt`: the inventory may know it. ERR_MALFORMED,
 * ERR_BAD_PUBLIC_KEY, ERR_BAD_ATTESTATION_STATEMENT with a sentence that names the check.
 */
MUST_CHECK enum err enrollment_judge(struct arena *a,
                                     const struct enrollment_question *question,
                                     struct enrollment_answer *answer,
                                     struct err_info *why);
