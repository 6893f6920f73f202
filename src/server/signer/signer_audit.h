/* The signer's own chain of the audit log, and the key of its heads: what is signed here
 * stands here, whatever the front says. */
#pragma once

#include "server/audit/audit.h"
#include "server/settings/settings.h"
#include "server/signer/signer_core.h"

struct signer_audit;

/* Open the chain; the log's key (audit.key, and audit.pem beside it) is made if it is not
 * there. Before rights are given up. ERR_IO, ERR_CRYPTO. */
MUST_CHECK enum err signer_audit_open(struct arena *a, const struct settings *s,
                                      const struct secret *passphrase,
                                      struct signer_audit **audit, struct err_info *why);

/* NULL is fine. */
void signer_audit_close(struct signer_audit *audit);

/* What was written is on disk: before any answer leaves that lines tell of. False with
 * errno set: the process must end, and nothing leave it. */
bool signer_audit_sync(struct signer_audit *audit);

/* The number of the segment to ask the supervisor for, once; 0: none. And its file (owned
 * from now on); false as above. */
unsigned int signer_audit_next_number(struct signer_audit *audit);
bool signer_audit_go_on(struct signer_audit *audit, unsigned int number, int fd);

/* Note what is asked for, of that kind and with that number, and write it: nothing is
 * signed otherwise. ERR_IO. */
MUST_CHECK enum err signer_audit_asked(struct signer_audit *audit, uint64_t id,
                                       uint64_t kind, struct span octets,
                                       struct err_info *why);

/* The same for a revocation list, with its number, issuer and distribution point. */
MUST_CHECK enum err signer_audit_list(struct signer_audit *audit, uint64_t id,
                                      const struct signer_list *list,
                                      struct err_info *why);

/* Note that a key for OCSP answers about an issuer's certificates was made. ERR_IO. */
MUST_CHECK enum err signer_audit_responder(struct signer_audit *audit, struct span issuer,
                                           struct span spki, struct err_info *why);

/* And what came of it. ERR_IO. */
MUST_CHECK enum err signer_audit_made(struct signer_audit *audit, uint64_t id,
                                      struct span made, enum err result,
                                      const struct err_info *said, struct err_info *why);

/* Sign a head for the front's "SEQ HASH": "TEXT SIGNATURE" in the arena. ERR_LINT: it
 * went back. */
MUST_CHECK enum err signer_audit_head(struct signer_audit *audit, struct arena *a,
                                      struct span question, struct span *answer,
                                      struct err_info *why);
