/* Calls to the process that uses the network. */
#include "client/dns/dns_line.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

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

/* What goes over the line itself is one small message without an answer. */
enum err dns_line_apart(const struct dns_line *line, struct dns_line *made,
                        struct err_info *why)
{
    const struct wire_message m = {.type = WIRE_DNS_APART};
    int ends[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        return err_set_os(why, ERR_INTERNAL, errno, "cannot make a socket");
    enum err result = wire_send_descriptor(line->fd, &m, ends[1], why);
    (void)close(ends[1]);
    if (result != ERR_OK) {
        (void)close(ends[0]);
        return result;
    }
    *made = (struct dns_line){.fd = ends[0]};
    return ERR_OK;
}

void dns_line_end(struct dns_line *line)
{
    (void)close(line->fd);
    *line = (struct dns_line){.fd = -1};
}
