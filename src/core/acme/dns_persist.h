/* The records of dns-persist-01 (draft-ietf-acme-dns-persist, revisions 00 to 02): a CA
 * and an account that may have certificates for a name, until further notice. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/base/arena.h"
#include "core/base/err.h"
#include "core/base/span.h"
#include "core/jose/jwk.h"

#define DNS_PERSIST_LABEL "_validation-persist." /* what stands in front of the name */

/* What a record must grant. */
struct dns_persist_wish {
    const char *issuers;     /* domain names of the CA in lower case, spaces between */
    const char *account_uri; /* compared octet by octet (RFC 3986 6.2.1) */
    bool wildcard;           /* of names below as well */
    int64_t now;             /* seconds */
};

/* How far a record got; what is behind says more about what is wrong. */
enum dns_persist_fit {
    DNS_PERSIST_OTHER_CA, /* none of ours: not looked at (4.1) */
    DNS_PERSIST_OTHER_ACCOUNT,
    DNS_PERSIST_NOT_GRANTED, /* it is over, or of this name only */
    DNS_PERSIST_MALFORMED,   /* ours, but not as the draft asks */
    DNS_PERSIST_GRANTED,
};

/* Judge one TXT record, its strings joined. If it is granted, `*until` is when that ends
 * (seconds), 0 if it does not; else `why` says what the record is or has, as the end of a
 * sentence that begins with "the record". Any octets may be in that. */
enum dns_persist_fit dns_persist_judge(struct span record,
                                       const struct dns_persist_wish *wish,
                                       int64_t *until, struct err_info *why);

/* The record to add: "ca.example; accounturi=https://ca.example/acct/1". In the arena. */
char *dns_persist_record(struct arena *a, const char *issuer, const char *account_uri,
                         bool wildcard);

/* The record as it stands in a zone, in quotes; what is longer than a character-string of
 * 255 octets is several of them. In the arena. */
char *dns_persist_zone_text(struct arena *a, const char *record);

/* The account URI of revision 02 for one name: the prefix of the directory's
 * accountHashPrefix, and a digest of name, key and account URL. In the arena. (The text
 * of that revision could not be had; this is as its authors showed it at IETF 126.) */
char *dns_persist_hashed_uri(struct arena *a, const char *prefix, const char *name,
                             const uint8_t thumbprint[JWK_THUMBPRINT_SIZE],
                             const char *account_url);
