/* Certificates of attestations, read further than core/x509 does: vendors put octets into
 * their extensions that are no DER. Chains are judged by certificate_check_path. */
#pragma once

#include <stdbool.h>

#include "core/base/arena.h"
#include "core/base/err.h"
#include "core/base/span.h"

#define ATTEST_CERTIFICATE_EXTENSIONS_MAX 32 /* in one certificate */

struct attest_extension {
    struct span id; /* content octets of the OID */
    bool critical;
    struct span value; /* what its OCTET STRING holds */
};

/* Spans point into the octets read. */
struct attest_certificate {
    struct span serial;  /* magnitude */
    struct span issuer;  /* whole Name element */
    struct span subject; /* whole Name element */
    struct span spki;    /* whole SubjectPublicKeyInfo element */
    bool is_ca;
    struct attest_extension extensions[ATTEST_CERTIFICATE_EXTENSIONS_MAX];
    size_t extension_count;
};

/* Read a certificate of version 3: strict DER around the extensions' values, none of them
 * twice. ERR_MALFORMED. */
MUST_CHECK enum err attest_certificate_read(struct arena *a, struct span der,
                                            struct attest_certificate **certificate,
                                            struct err_info *why);

/* The value of the extension with these content octets of an OID; false if there is none.
 */
bool attest_certificate_find(const struct attest_certificate *certificate,
                             struct span oid, struct span *value);

/* Has its extended key usage that purpose (content octets of an OID)? False if it has no
 * extended key usage, or none that can be read. */
bool attest_certificate_is_for(const struct attest_certificate *certificate,
                               struct span purpose);

/* A Name as people read it, such as "CN=Example Root, O=Example", in the arena; NULL if
 * it is malformed. */
char *attest_certificate_name(struct arena *a, struct span name);

/* The value of an attribute of a Name (content octets of its OID and of its string), and
 * how many of these there are. */
size_t attest_certificate_attribute(struct span name, struct span oid,
                                    struct span *value);
