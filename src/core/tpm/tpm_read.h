/* Structures of a TPM 2.0 (TPM 2.0 Library, Part 2), read exactly: all octets belong to
 * the structure, and nothing follows. What is read comes from devices, so it is hostile.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/base/arena.h"
#include "core/base/err.h"
#include "core/base/span.h"
#include "core/crypto/hash.h"
#include "core/crypto/key.h"

#define TPM_READ_MAX 4096 /* octets of any of these structures */

/* Bits of objectAttributes (Part 2, 8.3). */
#define TPM_FIXED_TPM             0x00000002U
#define TPM_FIXED_PARENT          0x00000010U
#define TPM_SENSITIVE_DATA_ORIGIN 0x00000020U
#define TPM_USER_WITH_AUTH        0x00000040U
#define TPM_ADMIN_WITH_POLICY     0x00000080U
#define TPM_RESTRICTED            0x00010000U
#define TPM_DECRYPT               0x00020000U
#define TPM_SIGN                  0x00040000U

/* The public half of an object (TPMT_PUBLIC, Part 2, 12.2.4): RSA of 2048 bits and more,
 * or ECC on P-256, P-384 or P-521. Lives in the arena. */
struct tpm_public {
    struct key *key;          /* owned by the arena */
    struct span spki;         /* of that key, DER */
    uint32_t attributes;      /* TPM_FIXED_TPM ... */
    enum hash_kind name_hash; /* nameAlg: SHA-256, SHA-384 or SHA-512 */
    struct span name;         /* nameAlg and the hash of the structure (Part 1, 16) */
    struct span auth_policy;
    int symmetric_bits; /* of a parent: AES in mode CFB with that many bits; 0 if the
                           object has no symmetric algorithm */
};

/* What a TPM says of an object (TPMS_ATTEST, Part 2, 10.12.12). */
enum tpm_attest_kind {
    TPM_ATTEST_CERTIFY,  /* TPM2_Certify: the object is in this TPM */
    TPM_ATTEST_CREATION, /* TPM2_CertifyCreation: and was made in it, so */
};
struct tpm_attest {
    enum tpm_attest_kind kind;
    struct span qualified_signer;
    struct span extra_data;     /* what the caller of the command had signed along */
    struct span name;           /* of the object */
    struct span qualified_name; /* TPM_ATTEST_CERTIFY only */
    struct span creation_hash;  /* TPM_ATTEST_CREATION only: hash of its creation data */
    uint64_t firmware_version;
};

/* A signature (TPMT_SIGNATURE, Part 2, 11.3.4). */
enum tpm_scheme {
    TPM_SCHEME_RSASSA, /* PKCS #1 v1.5 */
    TPM_SCHEME_RSAPSS,
    TPM_SCHEME_ECDSA,
};
struct tpm_signature {
    enum tpm_scheme scheme;
    enum hash_kind hash;
    struct span octets; /* as X.509 has them: of ECDSA the DER of both numbers */
};

/* Read a TPMT_PUBLIC (without the length a TPM2B_PUBLIC has in front). ERR_MALFORMED;
 * ERR_BAD_PUBLIC_KEY if the key in it is of no kind taken above. */
MUST_CHECK enum err tpm_read_public(struct arena *a, struct span octets,
                                    struct tpm_public **object, struct err_info *why);

/* Read a TPMS_ATTEST of one of the two kinds, made by a TPM (TPM_GENERATED_VALUE).
 * ERR_MALFORMED. */
MUST_CHECK enum err tpm_read_attest(struct arena *a, struct span octets,
                                    enum tpm_attest_kind kind, struct tpm_attest **attest,
                                    struct err_info *why);

/* Read a TPMT_SIGNATURE. ERR_MALFORMED; also for schemes and hashes not listed above. */
MUST_CHECK enum err tpm_read_signature(struct arena *a, struct span octets,
                                       struct tpm_signature **signature,
                                       struct err_info *why);

/* Is it that key's signature of the message? ERR_UNAUTHORIZED;
 * ERR_BAD_SIGNATURE_ALGORITHM if the scheme does not fit the key. SHA-1 is judged like
 * any other hash: whoever wants none looks at `hash` before. */
MUST_CHECK enum err tpm_read_signature_check(const struct key *key,
                                             const struct tpm_signature *signature,
                                             struct span message, struct err_info *why);
