/* A request and its reply in HTTP/2, judged as strictly as in HTTP/1.1; nghttp2 itself
 * refuses malformed pseudo-headers, connection-specific headers and a content-length that
 * lies (RFC 9113 8.1.1, 8.2.2). */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/base/clock.h"
#include "core/base/memory.h"
#include "core/base/text.h"
#include "core/http/http_server_h2_private.h"

#define FIELD_COST                                                                       \
    32 /* octets that each field counts beyond its own (RFC 9113 6.5.2)                  \
        */

static struct http_server *server_of(struct server_connection *c)
{
    return c->thread->server;
}

/* ---- streams ---- */

struct h2_stream *http_server_h2_stream_new(struct server_connection *c, int32_t id)
{
    struct h2_stream *st = memory_get_zeroed(1, sizeof *st);

    st->id = id;
    st->arena = http_server_thread_arena(c->thread);
    st->request = arena_get(st->arena, sizeof *st->request);
    st->request->arena = st->arena;
    st->request->host = "";
    st->header_room = (size_t)server_of(c)->limits.header_count;
    st->headers = arena_array(st->arena, st->header_room, sizeof *st->headers);
    st->request->headers = st->headers;
    st->body = buf_make((size_t)server_of(c)->limits.body_octets);
    st->deadline_us = clock_monotonic_us() + server_of(c)->limits.head_ms * 1000;
    st->next = c->h2->streams;
    if (st->next != NULL)
        st->next->previous = st;
    c->h2->streams = st;
    c->h2->stream_count++;
    c->deadline_us = SERVER_NEVER;
    return st;
}

/* The arena stays with the request while the callback has it. */
void http_server_h2_stream_free(struct server_connection *c, struct h2_stream *st)
{
    if (st->previous != NULL)
        st->previous->next = st->next;
    else
        c->h2->streams = st->next;
    if (st->next != NULL)
        st->next->previous = st->previous;
    if (--c->h2->stream_count == 0)
        http_server_connection_deadline(c, server_of(c)->limits.idle_ms);
    if (!st->handed_over || st->answered)
        http_server_thread_arena_back(c->thread, st->arena);
    buf_free(&st->body);
    free(st);
}

void http_server_h2_stream_note(struct h2_stream *st, int status, const char *detail)
{
    if (st->refusal.status != 0)
        return;
    st->refusal.status = status;
    st->refusal.detail = detail;
}

/* ---- replies ---- */

static ssize_t read_body(nghttp2_session *session, int32_t id, uint8_t *to, size_t room,
                         uint32_t *flags, nghttp2_data_source *source, void *context)
{
    struct h2_stream *st = source->ptr;
    size_t len = st->out.len < room ? st->out.len : room;

    (void)session;
    (void)id;
    st->deadline_us = http_server_connection_progress(context, st->deadline_us, len);
    memcpy(to, st->out.data, len);
    st->out = span_slice(st->out, len, st->out.len);
    if (st->out.len == 0)
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    return (ssize_t)len;
}

static nghttp2_nv pair(const char *name, const char *value)
{
    /* nghttp2 copies both; its struct is older than const */
    union {
        const char *text;
        uint8_t *octets;
    } n = {name}, v = {value};
    nghttp2_nv nv = {n.octets, v.octets, strlen(name), strlen(value),
                     NGHTTP2_NV_FLAG_NONE};
    return nv;
}

void http_server_h2_stream_reply(struct server_connection *c, struct h2_stream *st,
                                 const struct http_reply *reply, bool head_only)
{
    nghttp2_nv list[HTTP_REPLY_HEADERS_MAX + 3];
    nghttp2_data_provider provider = {.source.ptr = st, .read_callback = read_body};
    bool bodiless = reply->status == 204 || reply->status == 304;
    size_t count = 0;

    list[count++] = pair(":status", arena_printf(st->arena, "%d", reply->status));
    list[count++] = pair("date", http_server_thread_date(c->thread));
    for (size_t i = 0; i < reply->header_count; i++) {
        char *name = arena_string(st->arena, reply->headers[i].name);
        for (char *p = name; *p != '\0'; p++)
            if (*p >= 'A' && *p <= 'Z')
                *p = (char)(*p | 0x20);
        list[count++] = pair(name, reply->headers[i].value);
    }
    if (!bodiless)
        list[count++] =
            pair("content-length", arena_printf(st->arena, "%zu", reply->body.len));
    st->out = head_only || bodiless ? span_make(NULL, 0) : reply->body;
    st->answered = true;
    /* the peer's windows may be shut: the connection's own deadline knows nothing of it
     */
    st->deadline_us = clock_monotonic_us() + server_of(c)->limits.write_ms * 1000;
    (void)nghttp2_submit_response(c->h2->session, st->id, list, count,
                                  st->out.len > 0 ? &provider : NULL);
}

void http_server_h2_stream_refuse(struct server_connection *c, struct h2_stream *st)
{
    struct http_reply reply;

    st->handed_over = true; /* nothing more is taken from it */
    http_server_h1_word(server_of(c), st->arena, &st->refusal, &reply);
    http_server_h2_stream_reply(c, st, &reply, false);
}

/* ---- requests ---- */

static bool is_bare(struct span s)
{
    return memchr(s.data, '\0', s.len) == NULL;
}

static void pseudo_header(struct h2_stream *st, struct span name, struct span value)
{
    struct http_request *r = st->request;
    char *text = arena_string_of(st->arena, value);

    if (span_is(name, ":method")) {
        r->method = http_message_method(value);
        r->method_text = text;
    } else if (span_is(name, ":path")) {
        if (!is_bare(value) || !http_parse_target(text, &r->path, &r->query))
            http_server_h2_stream_note(st, 400, "the path is malformed (RFC 9113 8.3.1)");
    } else if (span_is(name, ":authority")) {
        r->host = text;
    } else if (span_is(name, ":scheme") && !span_is(value, "https")) {
        http_server_h2_stream_note(st, 400, "the scheme is not https");
    }
}

void http_server_h2_stream_field(struct server_connection *c, struct h2_stream *st,
                                 struct span name, struct span value)
{
    struct http_request *r = st->request;

    /* few octets on the wire can stand for many here (RFC 7541) */
    st->header_octets += name.len + value.len + FIELD_COST;
    if (st->header_octets > (size_t)server_of(c)->limits.head_octets) {
        http_server_h2_stream_note(st, 431, "the headers are too large (RFC 6585 5)");
        return;
    }
    if (name.len > 0 && name.data[0] == ':') {
        if (span_is(name, ":path") &&
            value.len > (size_t)server_of(c)->limits.target_octets)
            http_server_h2_stream_note(st, 414, "the request target is too long");
        else
            pseudo_header(st, name, value);
        return;
    }
    if (r->header_count == st->header_room) {
        http_server_h2_stream_note(st, 431, "too many headers (RFC 6585 5)");
        return;
    }
    st->headers[r->header_count].name = arena_string_of(st->arena, name);
    st->headers[r->header_count].value = arena_string_of(st->arena, value);
    r->header_count++;
}

/* Host beside :authority must say the same (RFC 9113 8.3.1). */
static void judge(struct server_connection *c, struct h2_stream *st)
{
    struct http_request *r = st->request;
    const char *host = http_message_find(r->headers, r->header_count, "host");
    const char *expect = http_message_find(r->headers, r->header_count, "expect");
    const char *length = http_message_find(r->headers, r->header_count, "content-length");
    uint64_t octets = 0;

    if (http_message_count(r->headers, r->header_count, "host") > 1 ||
        (host != NULL && r->host[0] != '\0' && strcasecmp(host, r->host) != 0))
        http_server_h2_stream_note(st, 400,
                                   "Host and :authority differ (RFC 9113 8.3.1)");
    if (r->host[0] == '\0' && host != NULL)
        r->host = host;
    if (!http_parse_is_authority(r->host))
        http_server_h2_stream_note(st, 400, "a malformed authority (RFC 9110 7.2)");
    if (r->path == NULL || r->method_text == NULL)
        http_server_h2_stream_note(st, 400, "method or path is missing (RFC 9113 8.3.1)");
    else if (strcmp(r->path, "*") == 0 && r->method != HTTP_OPTIONS)
        http_server_h2_stream_note(st, 400, "\"*\" is for OPTIONS only");
    if (expect != NULL && strcasecmp(expect, "100-continue") != 0)
        http_server_h2_stream_note(st, 417, "only 100-continue can be expected");
    if (r->path != NULL)
        st->body.max = http_server_h1_body_limit(server_of(c), r->path);
    if (length != NULL &&
        (!text_number(span_of(length), INT64_MAX, &octets) || octets > st->body.max))
        http_server_h2_stream_note(st, 413, "the body is too large (RFC 9110 15.5.14)");
}

/* The headers are there and a body is to come: do we want it? */
void http_server_h2_stream_begun(struct server_connection *c, struct h2_stream *st)
{
    struct http_request *r = st->request;
    const nghttp2_nv go_on = pair(":status", "100");

    judge(c, st);
    if (st->refusal.status != 0) {
        http_server_h2_stream_refuse(c, st);
        return;
    }
    st->deadline_us = clock_monotonic_us() + server_of(c)->limits.body_ms * 1000;
    if (http_request_header(r, "expect") != NULL)
        (void)nghttp2_submit_headers(c->h2->session, NGHTTP2_FLAG_NONE, st->id, NULL,
                                     &go_on, 1, NULL);
}

void http_server_h2_stream_whole(struct server_connection *c, struct h2_stream *st)
{
    struct http_request *r = st->request;

    if (st->handed_over)
        return;
    judge(c, st);
    if (st->refusal.status != 0) {
        http_server_h2_stream_refuse(c, st);
        return;
    }
    r->body = arena_span(st->arena, buf_span(&st->body));
    buf_free(&st->body);
    r->http2 = true;
    st->handed_over = true;
    st->deadline_us = SERVER_NEVER;
    c->requests++;
    http_server_h1_hand_over(c, r, st->id);
}
