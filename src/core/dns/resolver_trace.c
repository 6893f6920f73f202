/* Lines of libunbound's log, and what they come to. */
#include "core/dns/resolver_trace.h"

#include <stdio.h>
#include <string.h>

static bool is_after(struct span line, const char *mark, struct span *rest)
{
    size_t len = strlen(mark);

    for (size_t i = 0; i + len <= line.len; i++)
        if (memcmp(line.data + i, mark, len) == 0) {
            *rest = span_slice(line, i + len, line.len);
            return true;
        }
    return false;
}

static size_t find(struct span s, char octet)
{
    const void *at = s.len > 0 ? memchr(s.data, octet, s.len) : NULL;

    return at != NULL ? (size_t)((const uint8_t *)at - s.data) : s.len;
}

enum resolver_trace_kind resolver_trace_read(struct span line, struct span *text)
{
    struct span rest;

    line = span_slice(line, 0, find(line, '\n'));
    if (is_after(line, " info: response for ", &rest)) {
        /* "NAME TYPE CLASS" */
        size_t name = find(rest, ' ');
        size_t type = find(span_slice(rest, name + 1, rest.len), ' ');
        *text = span_slice(rest, 0, name + 1 + type);
        return RESOLVER_TRACE_QUESTION;
    }
    if (is_after(line, " info: reply from <", &rest)) {
        *text = span_slice(rest, find(rest, '>') + 2, rest.len);
        return RESOLVER_TRACE_SERVER;
    }
    if (is_after(line, " error: read (in tcp ", &rest)) {
        *text = span_slice(rest, find(rest, ' ') + 1, rest.len);
        return RESOLVER_TRACE_TCP;
    }
    if (is_after(line, " error: ", text))
        return RESOLVER_TRACE_ERROR;
    if (is_after(line, " info: query response was categorized as ", text) || /* 1.26 */
        is_after(line, " info: query response was ", text))
        return RESOLVER_TRACE_USE;
    return RESOLVER_TRACE_OTHER;
}

const char *resolver_trace_reason(const struct resolver_trace *t, char *to, size_t room)
{
    if (t->tcp[0] != '\0') { /* others that answered led there */
        (void)snprintf(to, room,
                       "the answer is truncated over UDP, and over TCP there is none: %s",
                       t->tcp);
        return to;
    }
    if (t->answers == 0)
        return "no server answered, or truncated answers over UDP and none over TCP";
    if (strcmp(t->use, "REFERRAL") == 0)
        (void)snprintf(to, room, "no server that %s refers to answered", t->server);
    else if (strcmp(t->use, "THROWAWAY") == 0)
        (void)snprintf(to, room,
                       "SERVFAIL: %s answered with an error, truncated over TCP too, or "
                       "about something else",
                       t->server);
    else if (strcmp(t->use, "LAME") == 0 || strcmp(t->use, "REC_LAME") == 0)
        (void)snprintf(to, room, "%s is not an authority of the zone", t->server);
    else
        (void)snprintf(to, room, "SERVFAIL; %s answered last", t->server);
    return to;
}
