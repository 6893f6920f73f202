/* Certificate Transparency (RFC 6962): what lies between a precertificate and its
 * certificate. The signer makes the precertificate, which is put on record; logs are
 * asked, some at once, others when those are slow or fail; when there are enough good
 * timestamps, what is made of them is put on record and signed. If there are too few in
 * time, the issuance waits until its order is finalized again, with the same
 * precertificate. */
#pragma once

#include "server/order/order_desk.h"
#include "server/transparency/log_board.h"

/* The logs, for issuances that begin from now on; it must live as long as the desk. */
void order_desk_logs_set(struct order_desk *desk, const struct log_board *board);

/* A log's answer, from any thread: ERR_OK with a timestamp that is still to be verified,
 * or why there is none. Unknown ids, and logs that were not asked, are passed over. */
void order_desk_logs_answered(struct order_desk *desk, int64_t issuance_id,
                              const char *log, enum err code, const char *detail,
                              struct span timestamp);

/* Go on with an issuance that waits: fields as of store_precertificate_resume, and
 * profile. Errors are those. */
MUST_CHECK enum err order_desk_logs_resume(struct order_desk *desk,
                                           struct store_session *session,
                                           const struct store_issuance *issuance,
                                           struct err_info *why);

/* Why there are too few timestamps for the order: sets ERR_UNAVAILABLE and returns it. It
 * is remembered for a while. */
enum err order_desk_logs_trouble(struct order_desk *desk, struct arena *a,
                                 int64_t order_id, struct err_info *why);
