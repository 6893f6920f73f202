/* Signing and judging DNS messages with a shared key (TSIG, RFC 8945). */
#pragma once

#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/dns/tsig_key.h"

#define TSIG_FUDGE_S 300 /* how far clocks may be apart (RFC 8945 10) */

/* What a server says about a signature (RFC 8945 3), in the record's error field. */
enum tsig_error {
    TSIG_NOERROR = 0,
    TSIG_BADSIG = 16,
    TSIG_BADKEY = 17,
    TSIG_BADTIME = 18,
    TSIG_BADTRUNC = 22,
};

/* The MAC of a message. */
struct tsig_mac {
    uint8_t octets[HASH_MAX_SIZE];
    size_t len;
};

/* What is known of a response. */
struct tsig_verdict {
    bool has_record;     /* there is a TSIG record */
    bool is_proved;      /* it was made with the key, now, for our request */
    unsigned int error;  /* enum tsig_error and others, as the record says */
    int64_t server_time; /* seconds; of a BADTIME that is proved, or 0 */
};

/* Append a TSIG record to the complete message in `message`, for the time `now`
 * (seconds); `mac` is what the response will be judged with. */
void tsig_sign(struct buf *message, const struct tsig_key *key, int64_t now,
               struct tsig_mac *mac);

/* Look at a response to the request with that MAC. What is not proved may come from
 * anybody. ERR_PROTOCOL if the message or its record is malformed. */
MUST_CHECK enum err tsig_judge(struct span message, const struct tsig_key *key,
                               int64_t now, const struct tsig_mac *request,
                               struct tsig_verdict *verdict, struct err_info *why);
