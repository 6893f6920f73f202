/* What libunbound notes about its work, line by line (verbosity 2). A failure comes
 * without a reason; the notes say who answered last, and of what use that was. */
#pragma once

#include "core/base/span.h"
#include "core/net/address.h"

#define RESOLVER_TRACE_SERVER_MAX (ADDRESS_TEXT_SIZE + 8) /* an address and a port */
#define RESOLVER_TRACE_TCP_MAX    128

/* What one question heard. */
struct resolver_trace {
    unsigned int answers;                   /* from whichever server */
    char server[RESOLVER_TRACE_SERVER_MAX]; /* the last of them, "" */
    char use[32]; /* what libunbound took that for: ANSWER, REFERRAL, THROWAWAY ... */
    char tcp[RESOLVER_TRACE_TCP_MAX]; /* what went wrong over TCP meanwhile, "" */
};

enum resolver_trace_kind {
    RESOLVER_TRACE_OTHER, /* nothing of interest */
    RESOLVER_TRACE_ERROR, /* an error of its own, no failure of a question */
    RESOLVER_TRACE_TCP,   /* a server that truncated its answer over UDP (it is not asked
                             over   TCP otherwise) fails there: "Connection refused for ..."
                           */
    RESOLVER_TRACE_QUESTION, /* an answer came: to this question, "a.test. TXT" */
    RESOLVER_TRACE_SERVER,   /* it came from there, "192.0.2.1#53" */
    RESOLVER_TRACE_USE,      /* what it was taken for */
};

/* Read a line; `text` points into it. Lines of another form are of no interest. */
enum resolver_trace_kind resolver_trace_read(struct span line, struct span *text);

/* Why a question failed, as a phrase; a static string, or in `to`. */
const char *resolver_trace_reason(const struct resolver_trace *t, char *to, size_t room);
