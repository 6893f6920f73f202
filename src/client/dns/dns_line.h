/* The line to the process that uses the network for records of the DNS (dns_worker.h):
 * one call at a time, also after an interrupt. */
#pragma once

#include <stdbool.h>

#include "client/proc/wire.h"

struct dns_line {
    int fd;            /* socket to the process */
    size_t unanswered; /* calls that an interrupt left */
};

/* Call and wait for the ANSWER. One that is `patient` waits although a signal came
 * before it. A FAIL becomes the error it tells of; ERR_IO: the process is gone;
 * ERR_INTERRUPTED. */
MUST_CHECK enum err dns_line_call(struct dns_line *line, struct arena *a,
                                  const struct wire_message *m,
                                  struct wire_message *answer, bool patient,
                                  struct err_info *why);

/* The same, and hands a descriptor over, which stays open here. */
MUST_CHECK enum err dns_line_call_with(struct dns_line *line, struct arena *a,
                                       const struct wire_message *m, int passed,
                                       struct wire_message *answer, bool patient,
                                       struct err_info *why);

/* Another line to the same process, on which DNS_ADD, DNS_REMOVE and DNS_HTTP may be
 * called at the same time; to be ended with dns_line_end. Any thread. ERR_INTERNAL,
 * ERR_IO. */
MUST_CHECK enum err dns_line_apart(const struct dns_line *line, struct dns_line *made,
                                   struct err_info *why);
void dns_line_end(struct dns_line *line);
