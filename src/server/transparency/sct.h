/* Signed certificate timestamps (RFC 6962 3.2, 3.3): a log's promise to show a
 * certificate. */
#pragma once

#include <stdint.h>

#include "core/base/arena.h"
#include "core/base/err.h"
#include "core/base/span.h"
#include "core/crypto/hash.h"
#include "core/crypto/key.h"

#define SCT_EXTENSIONS_MAX 1024 /* octets */
#define SCT_SIGNATURE_MAX  1024 /* octets: RSA of 8192 bits */
#define SCT_MAX                                                                          \
    (1 + HASH_SHA256_SIZE + 8 + 2 + SCT_EXTENSIONS_MAX + 4 + SCT_SIGNATURE_MAX)
#define SCT_LIST_MAX 16 /* timestamps in one certificate */

struct sct {
    struct span log_id;     /* SHA-256 of the log's SubjectPublicKeyInfo */
    uint64_t timestamp;     /* milliseconds since 1970 */
    struct span extensions; /* content */
    uint8_t hash;           /* HashAlgorithm of RFC 5246 7.4.1.4.1 */
    uint8_t algorithm;      /* SignatureAlgorithm */
    struct span signature;
};

/* Read one of version 1 to its last octet; spans point into the octets. ERR_MALFORMED. */
MUST_CHECK enum err sct_read(struct span octets, struct sct *sct, struct err_info *why);

/* Its octets, in the arena; of members within the bounds above. */
struct span sct_write(struct arena *a, const struct sct *sct);

/* A whole SignedCertificateTimestampList of these (octets each), in the arena. `count` is
 * 1 to SCT_LIST_MAX. */
struct span sct_list_write(struct arena *a, const struct span *scts, size_t count);

/* What was sent to a log: a precertificate by the octets of precertificate_entry and the
 * SHA-256 of its issuer's SubjectPublicKeyInfo, or a whole certificate. */
struct sct_entry {
    const uint8_t *issuer_key_hash; /* NULL: a certificate */
    struct span octets;
};

/* Did the log with that key sign this about the entry? ERR_UNAUTHORIZED: it is of another
 * log, by another algorithm than logs may use (RFC 6962 2.1.4), or the signature is
 * wrong. */
MUST_CHECK enum err sct_verify(const struct sct *sct, const struct key *log_key,
                               const uint8_t log_id[HASH_SHA256_SIZE],
                               const struct sct_entry *entry, struct err_info *why);

/* Has it the extension that tells where in a tiled log the entry is
 * (c2sp.org/static-ct-api: leaf_index)? */
bool sct_has_leaf_index(const struct sct *sct);
