/* Which certificates speak for a key in a token: its attestation certificate and those
 * above it (format `step`). */
#pragma once

#include "core/attest/attest.h"
#include "core/attest/attest_certificate.h"

struct piv_chain {
    const struct attest_certificate *leaf; /* of chain[0] */
    struct span chain[ATTEST_CHAIN_MAX];   /* DER */
    size_t count;
};

/* Of two heaps of certificates (DER), from a file and from the token: the attestation
 * certificate is one of that key (SubjectPublicKeyInfo) that has an extension of
 * attestations (step_identity.h), or any of that key in the file. All that were issued to
 * one of the names above it follow, but no roots: they are the CA's to know. What cannot
 * be read is passed over. Everything points into the heaps or lives in the arena.
 * ERR_NOT_FOUND if there is none. */
MUST_CHECK enum err piv_chain_find(struct arena *a, struct span spki,
                                   const struct span *file, size_t file_count,
                                   const struct span *token, size_t token_count,
                                   struct piv_chain *found, struct err_info *why);
