/* Header fields, and what they say about framing and persistence (RFC 9112 6, 9). */
#include <string.h>
#include <strings.h>

#include "core/base/text.h"
#include "core/http/http_parse_private.h"

#define LENGTH_MAX                                                                       \
    (UINT64_C(1) << 53) /* octets; more is nobody's honest Content-Length */

/* No control character but the horizontal tab (RFC 9110 5.5). */
static bool is_field_value(struct span s)
{
    for (size_t i = 0; i < s.len; i++)
        if ((s.data[i] < ' ' && s.data[i] != '\t') || s.data[i] == 0x7f)
            return false;
    return true;
}

/* Is the word an element of a comma-separated list (any case)? */
static bool list_has(const char *list, const char *word)
{
    while (*list != '\0') {
        size_t len = strcspn(list, ",");
        struct span element = text_trim(span_make(list, len));
        if (text_equal_ignoring_case(element, span_of(word)))
            return true;
        list += len + (list[len] == ',');
    }
    return false;
}

static void note_length(const char *value, struct http_parse_facts *facts)
{
    uint64_t length = 0;

    facts->length_count++;
    if (!text_number(span_of(value), LENGTH_MAX, &length))
        facts->length_bad = true;
    facts->length = length;
}

static void note(const struct http_header *h, size_t at, struct http_parse_facts *facts)
{
    if (strcasecmp(h->name, "Host") == 0) {
        facts->host_count++;
        facts->host_at = at;
    } else if (strcasecmp(h->name, "Content-Length") == 0) {
        note_length(h->value, facts);
    } else if (strcasecmp(h->name, "Transfer-Encoding") == 0) {
        facts->coding_count++;
        facts->coding_is_chunked = strcasecmp(h->value, "chunked") == 0;
    } else if (strcasecmp(h->name, "Connection") == 0) {
        facts->close = facts->close || list_has(h->value, "close");
        facts->keep_alive = facts->keep_alive || list_has(h->value, "keep-alive");
    } else if (strcasecmp(h->name, "Expect") == 0) {
        facts->expects = true;
        facts->expects_continue = strcasecmp(h->value, "100-continue") == 0;
    }
}

static enum http_parse_result read_field(struct arena *a, struct span line,
                                         struct http_header *h, struct http_refusal *no)
{
    const uint8_t *colon = memchr(line.data, ':', line.len);

    if (line.data[0] == ' ' || line.data[0] == '\t')
        return http_parse_refuse(
            no, 400,
            "a header goes on in the next line, which is obsolete (RFC 9112 5.2)");
    if (colon == NULL)
        return http_parse_refuse(no, 400, "a header has no colon (RFC 9112 5)");
    struct span name = span_make(line.data, (size_t)(colon - line.data));
    if (name.len > 0 &&
        (name.data[name.len - 1] == ' ' || name.data[name.len - 1] == '\t'))
        return http_parse_refuse(no, 400,
                                 "white space before a header's colon (RFC 9112 5.1)");
    if (!http_parse_is_token(name))
        return http_parse_refuse(no, 400, "a header's name is no token (RFC 9110 5.1)");
    struct span value = text_trim(span_slice(line, name.len + 1, line.len));
    if (!is_field_value(value))
        return http_parse_refuse(no, 400,
                                 "a control character in a header (RFC 9110 5.5)");
    h->name = arena_string_of(a, name);
    h->value = arena_string_of(a, value);
    return HTTP_PARSE_DONE;
}

enum http_parse_result http_parse_headers(struct arena *a, struct span rest,
                                          const struct http_parse_limits *l,
                                          struct http_header **headers, size_t *count,
                                          struct http_parse_facts *facts,
                                          struct http_refusal *no)
{
    struct http_header *list = NULL;
    size_t room = 0;
    size_t used = 0;
    struct span line;

    memset(facts, 0, sizeof *facts);
    for (const uint8_t *p = rest.data; p < rest.data + rest.len; p++)
        room += *p == '\n';
    list = arena_array(a, room + 1, sizeof *list);
    while (http_parse_line(&rest, &line) && line.len > 0) {
        if (used == l->header_count)
            return http_parse_refuse(no, 431, "too many headers (RFC 6585 5)");
        enum http_parse_result result = read_field(a, line, &list[used], no);
        if (result != HTTP_PARSE_DONE)
            return result;
        note(&list[used], used, facts);
        used++;
    }
    *headers = list;
    *count = used;
    return HTTP_PARSE_DONE;
}

/* Content-Length and Transfer-Encoding must leave no doubt (RFC 9112 6.1 to 6.3). */
static enum http_parse_result judge_framing(const struct http_parse_facts *facts,
                                            unsigned int minor, int status,
                                            enum http_framing *framing, uint64_t *length,
                                            struct http_refusal *no)
{
    *framing = HTTP_NO_BODY;
    *length = 0;
    if (facts->coding_count > 0 && facts->length_count > 0)
        return http_parse_refuse(
            no, status, "both Transfer-Encoding and Content-Length (RFC 9112 6.1)");
    if (facts->coding_count > 1 ||
        (facts->coding_count == 1 && !facts->coding_is_chunked))
        return http_parse_refuse(no, status == 400 ? 501 : status,
                                 "a Transfer-Encoding other than chunked (RFC 9112 6.1)");
    if (facts->coding_count == 1 && minor == 0)
        return http_parse_refuse(no, status,
                                 "Transfer-Encoding in HTTP/1.0 (RFC 9112 6.1)");
    if (facts->length_count > 1)
        return http_parse_refuse(no, status,
                                 "more than one Content-Length (RFC 9112 6.3)");
    if (facts->length_bad)
        return http_parse_refuse(no, status, "a malformed Content-Length (RFC 9110 8.6)");
    if (facts->coding_count == 1)
        *framing = HTTP_CHUNKED;
    else if (facts->length_count == 1)
        *framing = HTTP_LENGTH;
    *length = facts->length;
    return HTTP_PARSE_DONE;
}

static bool persists(const struct http_parse_facts *facts, unsigned int minor)
{
    return !facts->close && (minor == 1 || facts->keep_alive);
}

enum http_parse_result http_parse_judge_request(struct http_request_head *r,
                                                const struct http_parse_facts *facts,
                                                struct http_refusal *no)
{
    if (facts->host_count > 1)
        return http_parse_refuse(no, 400, "more than one Host (RFC 9112 3.2)");
    if (facts->host_count == 0 && r->minor == 1)
        return http_parse_refuse(no, 400, "there is no Host (RFC 9112 3.2)");
    r->host = facts->host_count == 1 ? r->headers[facts->host_at].value : "";
    if (facts->host_count == 1 && !http_parse_is_authority(r->host))
        return http_parse_refuse(no, 400, "a malformed Host (RFC 9110 7.2)");
    if (r->authority != NULL) {
        if (!http_parse_is_authority(r->authority))
            return http_parse_refuse(
                no, 400, "a malformed authority in the target (RFC 9110 7.2)");
        /* the client had to send the same (RFC 9112 3.2); who sees two names may be led
         * to another one than we are */
        if (facts->host_count == 1 && strcasecmp(r->host, r->authority) != 0)
            return http_parse_refuse(no, 400,
                                     "Host differs from the target (RFC 9112 3.2)");
        r->host = r->authority;
    }
    if (facts->expects && !facts->expects_continue)
        return http_parse_refuse(no, 417, "only 100-continue can be expected");
    r->keep_alive = persists(facts, r->minor);
    r->expect_continue = facts->expects_continue && r->minor == 1;
    return judge_framing(facts, r->minor, 400, &r->framing, &r->content_length, no);
}

enum http_parse_result http_parse_judge_response(enum http_method to,
                                                 struct http_response_head *r,
                                                 const struct http_parse_facts *facts,
                                                 struct http_refusal *no)
{
    r->keep_alive = persists(facts, r->minor);
    enum http_parse_result result =
        judge_framing(facts, r->minor, 502, &r->framing, &r->content_length, no);
    if (result != HTTP_PARSE_DONE)
        return result;
    if (to == HTTP_HEAD || r->status < 200 || r->status == 204 || r->status == 304)
        r->framing = HTTP_NO_BODY;
    else if (r->framing == HTTP_NO_BODY)
        r->framing = HTTP_UNTIL_CLOSE;
    if (r->framing == HTTP_UNTIL_CLOSE)
        r->keep_alive = false;
    return HTTP_PARSE_DONE;
}
