/* Finding the end of a head, and the start lines. */
#include "core/http/http_parse.h"

#include <string.h>
#include <strings.h>

#include "core/base/text.h"
#include "core/http/http_parse_private.h"

enum http_parse_result http_parse_refuse(struct http_refusal *no, int status,
                                         const char *detail)
{
    no->status = status;
    no->detail = detail;
    return HTTP_PARSE_REFUSED;
}

/* ---- the end of a head ---- */

/* One whole line, [line, end): is it the head's last one, and may it be at all? */
static enum http_parse_result scan_line(struct http_scan *scan, struct span input,
                                        size_t end, const struct http_parse_limits *l,
                                        struct http_refusal *no)
{
    size_t len = end - scan->line;

    if (len == 0 || input.data[end - 1] != '\r')
        return http_parse_refuse(
            no, 400, "a line ends with a bare line feed; CRLF is needed (RFC 9112 2.2)");
    len--;
    /* an empty line before a request is passed over, once (RFC 9112 2.2) */
    if (len == 0 && scan->lines == 0 && scan->line == 0) {
        scan->line = end + 1;
        return HTTP_PARSE_MORE;
    }
    if (len == 0 && scan->lines == 0)
        return http_parse_refuse(no, 400, "the request line is empty (RFC 9112 3)");
    if (len == 0)
        return HTTP_PARSE_DONE;
    scan->lines++;
    scan->line = end + 1;
    if (scan->lines > l->header_count + 1)
        return http_parse_refuse(no, 431, "too many headers (RFC 6585 5)");
    return HTTP_PARSE_MORE;
}

enum http_parse_result http_parse_scan(struct http_scan *scan, struct span input,
                                       const struct http_parse_limits *l, size_t *length,
                                       struct http_refusal *no)
{
    while (scan->seen < input.len) {
        const uint8_t *from = input.data + scan->seen;
        const uint8_t *feed = memchr(from, '\n', input.len - scan->seen);
        size_t end = feed == NULL ? input.len : (size_t)(feed - input.data);
        /* method, target and version: the target is what may be long */
        if (scan->lines == 0 &&
            end - scan->line > l->target_octets + HTTP_PARSE_LINE_EXTRA)
            return http_parse_refuse(no, 414, "the request target is too long");
        if (end >= l->head_octets)
            return http_parse_refuse(no, 431, "the headers are too large (RFC 6585 5)");
        scan->seen = end;
        if (feed == NULL)
            return HTTP_PARSE_MORE;
        scan->seen = end + 1;
        enum http_parse_result result = scan_line(scan, input, end, l, no);
        if (result == HTTP_PARSE_DONE)
            *length = end + 1;
        if (result != HTTP_PARSE_MORE)
            return result;
    }
    return HTTP_PARSE_MORE;
}

/* ---- small grammar ---- */

bool http_parse_is_token(struct span s)
{
    static const char more[] = "!#$%&'*+-.^_`|~";

    for (size_t i = 0; i < s.len; i++) {
        uint8_t c = s.data[i];
        bool alphanumeric =
            (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
        if (!alphanumeric && (c == '\0' || strchr(more, c) == NULL))
            return false;
    }
    return s.len > 0;
}

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

/* pchar and more of RFC 3986 3.3: visible ASCII but for what never stands in a URI. */
static bool is_uri_text(const char *text, const char *also)
{
    static const char never[] = "\"<>\\^`{|}#[]?";

    for (const char *p = text; *p != '\0'; p++) {
        if (*p <= ' ' || *p >= 0x7f)
            return false;
        if (strchr(never, *p) != NULL && strchr(also, *p) == NULL)
            return false;
        if (*p == '%' && (!is_hex(p[1]) || !is_hex(p[2])))
            return false;
    }
    return true;
}

bool http_parse_target(char *target, const char **path, const char **query)
{
    char *mark = strchr(target, '?');

    *query = NULL;
    *path = target;
    if (strcmp(target, "*") == 0)
        return true;
    if (mark != NULL) {
        *mark = '\0';
        *query = mark + 1;
    }
    return target[0] == '/' && is_uri_text(target, "") &&
           (*query == NULL || is_uri_text(*query, "?"));
}

/* A port of digits, or none at all behind the colon (RFC 3986 3.2.3). */
static bool is_port(const char *text)
{
    uint64_t number;

    return text[0] == '\0' || text_number(span_of(text), UINT16_MAX, &number);
}

bool http_parse_is_authority(const char *text)
{
    static const char subdelims_and_more[] = "-._~!$&'()*+,;=%";
    const char *p = text;

    if (*p == '[') {
        struct address a;
        const char *end = strchr(p, ']');
        if (end == NULL || !address_parse(span_make(p + 1, (size_t)(end - p - 1)), &a) ||
            a.family != ADDRESS_V6)
            return false;
        return end[1] == '\0' || (end[1] == ':' && is_port(end + 2));
    }
    for (; *p != '\0' && *p != ':'; p++) {
        bool alphanumeric =
            (*p >= '0' && *p <= '9') || ((*p | 0x20) >= 'a' && (*p | 0x20) <= 'z');
        if (!alphanumeric && strchr(subdelims_and_more, *p) == NULL)
            return false;
        if (*p == '%' && (!is_hex(p[1]) || !is_hex(p[2])))
            return false;
    }
    return p != text && (*p == '\0' || is_port(p + 1));
}

/* ---- lines ---- */

bool http_parse_line(struct span *rest, struct span *line)
{
    const uint8_t *feed = memchr(rest->data, '\n', rest->len);

    if (feed == NULL || feed == rest->data)
        return false;
    size_t len = (size_t)(feed - rest->data);
    *line = span_slice(*rest, 0, len - 1);
    *rest = span_slice(*rest, len + 1, rest->len);
    return true;
}

/* HTTP/1.0 or 1.1; the status of a refusal otherwise. */
static int read_version(struct span s, unsigned int *minor)
{
    if (s.len != 8 || memcmp(s.data, "HTTP/", 5) != 0 || s.data[6] != '.' ||
        s.data[5] < '0' || s.data[5] > '9' || s.data[7] < '0' || s.data[7] > '9')
        return 400;
    if (s.data[5] != '1')
        return 505;
    /* a later minor version is answered as the highest we know (RFC 9110 2.5) */
    *minor = s.data[7] == '0' ? 0 : 1;
    return 0;
}

/* The absolute form, which a server must take (RFC 9112 3.2.2): scheme and authority are
 * put aside, and what is left is a path. Other targets are left as they are. */
static char *cut_absolute(struct arena *a, char *target, struct http_request_head *r)
{
    static const char *const schemes[] = {"http", "https"};

    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        size_t len = strlen(schemes[i]);
        if (strncasecmp(target, schemes[i], len) != 0 ||
            strncmp(target + len, "://", 3) != 0)
            continue;
        const char *authority = target + len + 3;
        size_t authority_len = strcspn(authority, "/?");
        r->scheme = schemes[i];
        r->authority = arena_string_of(a, span_make(authority, authority_len));
        const char *rest = authority + authority_len;
        return arena_printf(a, "%s%s", *rest == '/' ? "" : "/", rest);
    }
    return target;
}

static enum http_parse_result request_line(struct arena *a, struct span line,
                                           const struct http_parse_limits *l,
                                           struct http_request_head *r,
                                           struct http_refusal *no)
{
    const uint8_t *first = memchr(line.data, ' ', line.len);
    const uint8_t *last = memrchr(line.data, ' ', line.len);

    if (first == NULL || first == last)
        return http_parse_refuse(
            no, 400, "the request line is not METHOD TARGET VERSION (RFC 9112 3)");
    struct span method = span_make(line.data, (size_t)(first - line.data));
    struct span target = span_make(first + 1, (size_t)(last - first - 1));
    int status = read_version(
        span_make(last + 1, (size_t)(line.data + line.len - last - 1)), &r->minor);
    if (!http_parse_is_token(method))
        return http_parse_refuse(no, 400, "the method is no token (RFC 9110 9.1)");
    if (status == 505)
        return http_parse_refuse(no, 505, "only HTTP/1.0, 1.1 and 2 are spoken here");
    if (status != 0)
        return http_parse_refuse(no, 400, "the version is malformed (RFC 9112 2.3)");
    if (target.len > l->target_octets)
        return http_parse_refuse(no, 414, "the request target is too long");
    r->method = http_message_method(method);
    r->method_text = arena_string_of(a, method);
    if (memchr(target.data, '\0', target.len) != NULL ||
        !http_parse_target(cut_absolute(a, arena_string_of(a, target), r), &r->path,
                           &r->query))
        return http_parse_refuse(
            no, 400, "the request target is neither a path nor a URL (RFC 9112 3.2)");
    if (strcmp(r->path, "*") == 0 && r->method != HTTP_OPTIONS)
        return http_parse_refuse(no, 400, "\"*\" is for OPTIONS only (RFC 9112 3.2.4)");
    return HTTP_PARSE_DONE;
}

enum http_parse_result http_parse_request(struct arena *a, struct span head,
                                          const struct http_parse_limits *l,
                                          struct http_request_head *r,
                                          struct http_refusal *no)
{
    struct span rest = head;
    struct span line;
    struct http_parse_facts facts;

    memset(r, 0, sizeof *r);
    if (rest.len >= 2 && rest.data[0] == '\r' && rest.data[1] == '\n')
        rest = span_slice(rest, 2, rest.len);
    if (!http_parse_line(&rest, &line))
        return http_parse_refuse(no, 400, "there is no request line (RFC 9112 3)");
    enum http_parse_result result = request_line(a, line, l, r, no);
    if (result != HTTP_PARSE_DONE)
        return result;
    result = http_parse_headers(a, rest, l, &r->headers, &r->header_count, &facts, no);
    if (result != HTTP_PARSE_DONE)
        return result;
    return http_parse_judge_request(r, &facts, no);
}

static enum http_parse_result status_line(struct arena *a, struct span line,
                                          struct http_response_head *r,
                                          struct http_refusal *no)
{
    uint64_t status;

    if (line.len < 12 || read_version(span_slice(line, 0, 8), &r->minor) != 0 ||
        line.data[8] != ' ' || !text_number(span_slice(line, 9, 3), 999, &status) ||
        status < 100 || (line.len > 12 && line.data[12] != ' '))
        return http_parse_refuse(
            no, 502, "the status line is not VERSION STATUS REASON (RFC 9112 4)");
    r->status = (int)status;
    r->reason = arena_string_of(a, span_slice(line, 13, line.len));
    return HTTP_PARSE_DONE;
}

enum http_parse_result http_parse_response(struct arena *a, struct span head,
                                           const struct http_parse_limits *l,
                                           enum http_method to,
                                           struct http_response_head *r,
                                           struct http_refusal *no)
{
    struct span rest = head;
    struct span line;
    struct http_parse_facts facts;

    memset(r, 0, sizeof *r);
    if (!http_parse_line(&rest, &line))
        return http_parse_refuse(no, 502, "there is no status line (RFC 9112 4)");
    enum http_parse_result result = status_line(a, line, r, no);
    if (result != HTTP_PARSE_DONE)
        return result;
    result = http_parse_headers(a, rest, l, &r->headers, &r->header_count, &facts, no);
    if (result != HTTP_PARSE_DONE)
        return result;
    return http_parse_judge_response(to, r, &facts, no);
}
