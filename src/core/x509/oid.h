/* Object identifiers and signature algorithms, by name. */
#pragma once

#include <stdbool.h>

#include "core/base/arena.h"
#include "core/crypto/key.h"
#include "core/x509/der_write.h"

enum oid {
#define OID(name, octets) OID_##name,
#include "core/x509/oids.def"
#undef OID
    OID_COUNT
};

/* Content octets of an OBJECT IDENTIFIER; static. */
struct span oid_octets(enum oid oid);

/* Is it that one? `content` are content octets as der_read_oid gives them. */
bool oid_is(struct span content, enum oid oid);

/* Write an OBJECT IDENTIFIER element. */
void oid_write(struct der_writer *w, enum oid oid);

/* Content octets of a dotted text such as "1.3.6.1.5.5.7.3.1", in the arena: at least two
 * numbers below 2^63 without leading zeros, the first 0, 1 or 2, the second below 40
 * under 0 and 1 (X.660 A.2, X.690 8.19.4). False if it is no such text, or longer than
 * OID_TEXT_MAX. */
#define OID_TEXT_MAX 128
MUST_CHECK bool oid_from_text(struct arena *a, struct span text, struct span *content);

/* The other way round, in the arena; NULL if they are no such octets, or have numbers of
 * 2^63 and more. */
char *oid_to_text(struct arena *a, struct span content);

/* AlgorithmIdentifier of a signature made by key_sign with an X.509 kind (RFC 5758 3.2,
 * RFC 4055 5, RFC 8410 3, RFC 9881 2): written, or read at the cursor. A read of an
 * unknown one, of SHA-1 or of wrong parameters is an error of the reader. */
void oid_write_signature(struct der_writer *w, enum key_signature kind);
enum key_signature oid_read_signature(struct der_reader *r);
