/* Attestation objects written by a client (draft-ietf-acme-device-attest-09 5): CBOR of
 * definite lengths with "fmt" and "attStmt", and no "authData" (C-DA-1). What they say is
 * the caller's; attest_verify judges it. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "core/attest/attest_cose.h"
#include "core/base/buf.h"
#include "core/base/span.h"

/* What a TPM 2.0 gives (WebAuthn Level 3 8.3). */
struct attest_write_tpm {
    int64_t algorithm;        /* ATTEST_COSE_ES256 or _RS256: of the attestation key */
    const struct span *chain; /* DER, the attestation key's certificate first */
    size_t chain_count;
    struct span signature; /* TPMT_SIGNATURE */
    struct span cert_info; /* TPMS_ATTEST, without a length in front */
    struct span pub_area;  /* TPMT_PUBLIC, likewise */
};

/* Append an object of format "tpm". The buffer is marked failed where it does not fit. */
void attest_write_tpm(struct buf *b, const struct attest_write_tpm *what);

/* What a token with an attestation certificate for its key gives. */
struct attest_write_step {
    int64_t algorithm;        /* ATTEST_COSE_... of the attested key */
    const struct span *chain; /* DER, the attestation certificate of the key first */
    size_t chain_count;
    struct span signature; /* over the key authorization: ECDSA as DER, RSA, Ed25519; this
                              format's second byte string is put around it here */
};

/* Append an object of format "step". */
void attest_write_step(struct buf *b, const struct attest_write_step *what);
