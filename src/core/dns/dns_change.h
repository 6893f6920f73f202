/* Changing one TXT record at a name server: a signed update (RFC 2136, 8945), and what
 * its answer means. */
#pragma once

#include "core/dns/dns_wire.h"
#include "core/dns/tsig.h"

/* Append the signed request. `mac` is what dns_change_judge wants. ERR_MALFORMED. */
MUST_CHECK enum err dns_change_make(struct buf *b, const struct dns_update *update,
                                    const struct tsig_key *key, unsigned int id,
                                    struct tsig_mac *mac, struct err_info *why);

/* Has the server done it? A response counts only if the key signed it. Each way to fail
 * has its own sentence, which says what to do; it begins with the server's name.
 * ERR_UNAUTHORIZED: key, clock, rights; ERR_REFUSED: another refusal; ERR_UNAVAILABLE:
 * the server may do it later; ERR_PROTOCOL. */
MUST_CHECK enum err dns_change_judge(struct span response,
                                     const struct dns_update *update,
                                     const struct tsig_key *key, unsigned int id,
                                     const struct tsig_mac *mac, const char *server,
                                     struct err_info *why);
