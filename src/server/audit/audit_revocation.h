/* Lines about revocations: one for each certificate, whoever had it revoked. */
#pragma once

#include "server/audit/audit.h"
#include "server/store/store_revocation.h"

/* By whose authority certificates are revoked. */
enum audit_authority {
    AUDIT_BY_ACCOUNT, /* a subscriber's */
    AUDIT_BY_KEY,     /* whoever has the certificate's own key (RFC 8555 7.6) */
    AUDIT_BY_COMMAND,
};

struct audit_revocation {
    struct store_session *session; /* that revokes */
    enum audit_authority by;
    int64_t number; /* of the account, or the uid of who gave the command */
};

/* Who is to be told by the store; `r` must live as long as the change takes. */
struct store_revoking audit_revocation_teller(struct audit_revocation *r);

/* Block the key with this SHA-256 of its SubjectPublicKeyInfo, with its line if it was
 * not blocked before. The store's errors. */
MUST_CHECK enum err audit_revocation_block(const struct audit_revocation *r,
                                           const uint8_t key_hash[STORE_HASH_SIZE],
                                           int64_t now, struct err_info *why);
