/* Calls to the process that uses the network. */
#include "client/dns/dns_line.h"

#include "core/base/clock.h"

#define PATIENCE_US 40000000 /* a little more than the other process takes at most */

/* The process answers in order; what an interrupt did not wait for comes first. */
static enum err receive(struct dns_line *line, struct arena *a,
                        struct wire_message *answer, bool patient, struct err_info *why)
{
    int64_t end_us = clock_monotonic_us() + PATIENCE_US;

    for (line->unanswered++; line->unanswered > 0; line->unanswered--)
        TRY(patient ? wire_receive_until(a, line->fd, answer, end_us, why)
                    : wire_receive(a, line->fd, answer, NULL, why));
    return answer->type == WIRE_ANSWER ? ERR_OK : wire_failure(answer, why);
}

enum err dns_line_call(struct dns_line *line, struct arena *a,
                       const struct wire_message *m, struct wire_message *answer,
                       bool patient, struct err_info *why)
{
    TRY(wire_send(line->fd, m, why));
    return receive(line, a, answer, patient, why);
}

enum err dns_line_call_with(struct dns_line *line, struct arena *a,
                            const struct wire_message *m, int passed,
                            struct wire_message *answer, bool patient,
                            struct err_info *why)
{
    TRY(wire_send_descriptor(line->fd, m, passed, why));
    return receive(line, a, answer, patient, why);
}
