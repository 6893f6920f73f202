/* What the files of the desk of attestations share. */
#pragma once

#include "server/order/attest_desk.h"

/* One question, from being asked to its answer being on disk. */
struct attest_desk_case {
    struct work_job job; /* first: the answer's */
    struct attest_desk *desk;
    struct attest_desk_case *next;
    struct arena *arena; /* holds all texts */
    struct attest_desk_question question;
    struct attest_desk_answer answer;
    uint64_t number;
    int tries;
    bool postponed;           /* it could not be asked: once more, later */
    store_ticket_number seen; /* the batch it was asked because of */
    int64_t until_us;
    int64_t begun_ms; /* wall clock, since 1970 */
    int64_t ended_ms;
};

/* Record the verdict of a case that was answered, with its line of the audit log. Errors
 * are those of the store, and were logged. */
MUST_CHECK enum err attest_desk_record(struct attest_desk_case *c,
                                       struct store_session *session,
                                       struct limit *limits);
