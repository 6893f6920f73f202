/* Object identifiers and signature algorithms, by name. */
#pragma once

#include <stdbool.h>

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

/* AlgorithmIdentifier of a signature made by key_sign with an X.509 kind (RFC 5758 3.2,
 * RFC 4055 5, RFC 8410 3): written, or read at the cursor. A read of an unknown one, of
 * SHA-1 or of wrong parameters is an error of the reader. */
void oid_write_signature(struct der_writer *w, enum key_signature kind);
enum key_signature oid_read_signature(struct der_reader *r);
