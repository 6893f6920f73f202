/* What the formats and attest.c share and nobody else sees. */
#pragma once

#include "core/attest/attest.h"
#include "core/attest/attest_cbor.h"
#include "core/attest/attest_certificate.h"
#include "core/crypto/key.h"
#include "core/json/json_write.h"

/* One attestation while it is judged. When a format sees it, the chain has been built to
 * the format's roots. */
struct attest_case {
    struct arena *arena;
    const struct attest_rules *rules;
    const struct attest_question *question;
    enum attest_format format;
    const struct attest_cbor *statement; /* map "attStmt" */
    struct span x5c[ATTEST_CHAIN_MAX];   /* DER, as they came */
    const struct attest_certificate *certificates[ATTEST_CHAIN_MAX]; /* the same, read */
    size_t x5c_count;
    struct key *leaf_key;      /* of x5c[0]; owned by the arena */
    struct json_writer *facts; /* inside the object */
    struct span spki;          /* set by the format: the attested key, DER */
    bool inventory;            /* set by the format: the inventory may name the device */
    struct attest_known ek; /* set by format tpm where the EK is known: kind is not 0 */
    struct identifier identities[ATTEST_IDENTITIES_MAX];
    size_t identity_count;
};

/* Judge a statement: a function for each row of formats.def. It sets the members above,
 * or fails with a sentence that names the check; any code of err.h. */
typedef enum err attest_format_judge(struct attest_case *c, struct err_info *why);
attest_format_judge format_tpm;
attest_format_judge format_apple;
attest_format_judge format_step;
attest_format_judge format_android_key;
attest_format_judge format_packed;

/* What happens before the chain is judged, and after it: object, statement and
 * certificates are read; the leaf's key is imported and the format judges. Apart from
 * each other for fuzzers, which cannot sign. */
MUST_CHECK enum err attest_case_read(struct attest_case *c, struct err_info *why);
MUST_CHECK enum err attest_case_judge(struct attest_case *c, struct err_info *why);

/* A member of the statement with its type checked. ERR_MALFORMED if it is not there, of
 * another type, or empty. */
MUST_CHECK enum err attest_statement_octets(const struct attest_case *c, const char *name,
                                            struct span *octets, struct err_info *why);
MUST_CHECK enum err attest_statement_number(const struct attest_case *c, const char *name,
                                            int64_t *number, struct err_info *why);

/* Is `signature` the leaf key's over the key authorization, with the COSE algorithm of
 * the member "alg", which must be the one of that key's type? */
MUST_CHECK enum err attest_statement_signed(const struct attest_case *c,
                                            struct span signature, struct err_info *why);

/* The value of an extension of x5c[0], and of any other certificate, by its dotted OID.
 */
bool attest_leaf_extension(const struct attest_case *c, const char *dotted,
                           struct span *value);
bool attest_extension(const struct attest_case *c, size_t certificate, const char *dotted,
                      struct span *value);

/* One more identity: the octets of a permanent-identifier, which may be no ACME
 * identifier at all and name nothing then. ERR_MALFORMED if there are too many. */
MUST_CHECK enum err attest_identity_add(struct attest_case *c, struct span id,
                                        struct err_info *why);

/* All identities in the subject alternative names of x5c[0]: PermanentIdentifier (RFC
 * 4043) and HardwareModuleName (RFC 4108 5). `directory`, if not NULL, gets its
 * directoryName, and `ek` the fingerprint that a URI urn:ek:sha256: names (kind 0 if
 * there is none). ERR_MALFORMED. */
MUST_CHECK enum err attest_identity_names(struct attest_case *c, struct span *directory,
                                          struct attest_known *ek, struct err_info *why);
