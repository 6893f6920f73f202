/* Heads: where both chains of the audit log are, in one line of text that is signed with
 * a key of the log's own. Each chain has them as lines, so neither can be cut or made
 * anew without the other one, and one that is kept elsewhere proves what was there then.
 */
#pragma once

#include "core/base/buf.h"
#include "core/crypto/key.h"
#include "server/audit/audit_file.h"

#define AUDIT_HEAD_TEXT_MAX 320 /* octets, with the NUL */
#define AUDIT_KEY_FILE      "audit.key"
#define AUDIT_PUBLIC_FILE   "audit.pem"

struct audit_head {
    struct audit_place front;
    struct audit_place signer;
    int64_t time; /* seconds */
};

/* "cairn-audit-head 1 front SEQ HASH signer SEQ HASH TIME". */
void audit_head_text(char *to, const struct audit_head *head);

/* Read one; false if it is none: it must be spelled as audit_head_text does. */
bool audit_head_read(struct span text, struct audit_head *head);

/* Sign such a text with an Ed25519 key: `signature` is hexadecimal, of
 * 2 * KEY_SIGNATURE_MAX + 1 octets; and verify one. */
MUST_CHECK enum err audit_head_sign(const struct key *key, const char *text,
                                    char *signature, struct err_info *why);
bool audit_head_verify(const struct key *key, const char *text, const char *signature);

/* The public key as PEM (RFC 7468 13), and read from it. */
void audit_head_key_write(struct buf *b, const struct key *key);
MUST_CHECK enum err audit_head_key_read(struct arena *a, struct span pem,
                                        struct key **key, struct err_info *why);
