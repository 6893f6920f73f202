/* Attestations of device-attest-01 (draft-ietf-acme-device-attest-09 5): what a device
 * says about one of its keys, and whether that is true. Hostile octets come in here. A
 * file for each format, a row in formats.def. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/acme/identifier.h"
#include "core/base/arena.h"
#include "core/base/err.h"
#include "core/base/span.h"
#include "core/crypto/hash.h"

#define ATTEST_OBJECT_MAX     65536 /* octets of an attestation object */
#define ATTEST_CHAIN_MAX      8     /* certificates in x5c */
#define ATTEST_DEPTH_MAX      4     /* maps, arrays and tags within one another */
#define ATTEST_ITEMS_MAX      256   /* CBOR items in an object */
#define ATTEST_IDENTITIES_MAX 8     /* identifiers one attestation may name */
#define ATTEST_KNOWN_MAX      16    /* fingerprints of the inventory for one identifier */
#define ATTEST_FACTS_MAX      4096  /* octets of the facts */

enum attest_format {
#define ATTEST_FORMAT(name, wire, option, proof, vendor) ATTEST_##name,
#include "core/attest/formats.def"
#undef ATTEST_FORMAT
    ATTEST_FORMAT_COUNT
};

/* What ties an attestation to one challenge. */
enum attest_proof {
    ATTEST_KEY_AUTHORIZATION,
    ATTEST_TOKEN,
};

/* Which statements count. Everything lives as long as whoever asks. */
struct attest_format_rules {
    bool enabled;
    struct span
        roots; /* certificates (PEM) that vouch for this format and for no other;
                  empty: the vendor's, where formats.def says that there are some */
};

/* PIN and touch, as a YubiKey says of a key (extension 1.3.6.1.4.1.41482.3.8). */
enum attest_presence {
    ATTEST_PRESENCE_ANY,
    ATTEST_PRESENCE_PIN,   /* a PIN, once or always */
    ATTEST_PRESENCE_TOUCH, /* a touch, always or cached */
    ATTEST_PRESENCE_BOTH,
};

struct attest_rules {
    struct attest_format_rules formats[ATTEST_FORMAT_COUNT];
    bool sha1;                     /* take RS1 signatures of old TPMs (-65535) */
    enum attest_presence presence; /* format step */
    bool strong_box;               /* android-key: StrongBox only */
    bool verified_boot; /* android-key: a root of trust that says Verified and locked */
    struct span android_status; /* Google's status list (JSON); empty: no list */
};

/* A fingerprint in the inventory. */
enum attest_known_kind {
    ATTEST_KNOWN_EK = 1, /* SHA-256 of the SPKI of a TPM's endorsement key */
    ATTEST_KNOWN_AK =
        2, /* ... of an attestation key: what vouches directly for the attested key */
    ATTEST_KNOWN_KEY = 3, /* ... of the attested key itself */
};
struct attest_known {
    enum attest_known_kind kind;
    uint8_t sha256[HASH_SHA256_SIZE];
};

struct attest_question {
    struct span object;            /* the CBOR of attObj */
    const char *token;             /* of the challenge */
    const char *key_authorization; /* RFC 8555 8.1 */
    struct identifier identifier;  /* what must be attested */
    const struct attest_known
        *known; /* what the inventory says of that identifier: with one of these, a TPM's
                   attestation may leave the identifier out, or name others */
    size_t known_count;
    int64_t now; /* seconds */
};

/* What was attested. Points into the arena. */
struct attest_result {
    enum attest_format format;
    struct span spki;                     /* of the attested key, DER */
    uint8_t key_sha256[HASH_SHA256_SIZE]; /* SHA-256 of that */
    struct identifier
        identities[ATTEST_IDENTITIES_MAX]; /* what the attestation names; empty if it only
                                              rests on the inventory */
    size_t identity_count;
    bool by_inventory; /* the identifier was not named: the inventory says so */
    const char *facts; /* JSON object for the audit: format, issuer and serial of x5c[0],
                          security level, firmware, PIN and touch policy ... Never the
                          object itself (draft 7) */
};

/* The wire name of a format. */
const char *attest_format_name(enum attest_format format);

/* The format of that wire name, case-sensitive. False if there is none. */
bool attest_format_find(struct span name, enum attest_format *format);

/* The vendors' root certificates (PEM) of a format; empty if formats.def says it has
 * none. */
struct span attest_vendor_roots(enum attest_format format);

/* Is it true? All checks of section 5 and 6 of the draft and of the format: CBOR, chain
 * to the format's roots, what binds it to the challenge, the properties of the key, and
 * that the identifier is the one attested. `*identity_differs`, if not NULL, is set where
 * that alone fails. ERR_BAD_ATTESTATION_STATEMENT with a sentence that names the check;
 * ERR_CONFIG if an enabled format has no roots, or the status list cannot be read.
 * S-DA-5, S-DA-7 */
MUST_CHECK enum err attest_verify(struct arena *a, const struct attest_rules *rules,
                                  const struct attest_question *question,
                                  struct attest_result *result, bool *identity_differs,
                                  struct err_info *why);
