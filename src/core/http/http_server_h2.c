/* HTTP/2 on a connection, framed by nghttp2 (RFC 9113). Requests are judged as strictly
 * as in HTTP/1.1; nghttp2 itself refuses malformed pseudo-headers, connection-specific
 * headers and a content-length that lies (RFC 9113 8.1.1, 8.2.2). */
#include <nghttp2/nghttp2.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/base/clock.h"
#include "core/base/memory.h"
#include "core/http/http_server_private.h"

#define OUT_AT_ONCE (128 * 1024) /* octets of frames made before they are written */

struct h2_stream {
    struct h2_stream *next;
    struct h2_stream *previous;
    int32_t id;
    struct arena *arena;
    struct http_request *request; /* being read; then with the callback */
    struct http_header *headers;
    size_t header_room;
    struct buf body;
    bool ended; /* the peer has sent all of it */
    bool handed_over;
    bool answered;
    struct http_refusal refusal; /* status 0: none */
    int64_t deadline_us;
    struct span out; /* of the reply's body, what is left */
};

struct server_h2 {
    nghttp2_session *session;
    struct h2_stream *streams;
    size_t stream_count;
    bool goaway;
};

static struct http_server *server_of(struct server_connection *c)
{
    return c->thread->server;
}

/* ---- streams ---- */

static struct h2_stream *stream_new(struct server_connection *c, int32_t id)
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
static void stream_free(struct server_connection *c, struct h2_stream *st)
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

static void refuse(struct h2_stream *st, int status, const char *detail)
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
    (void)context;
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

static void submit(struct server_connection *c, struct h2_stream *st,
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
    st->deadline_us = SERVER_NEVER;
    (void)nghttp2_submit_response(c->h2->session, st->id, list, count,
                                  st->out.len > 0 ? &provider : NULL);
}

static void submit_refusal(struct server_connection *c, struct h2_stream *st)
{
    struct http_reply reply;

    st->handed_over = true; /* nothing more is taken from it */
    http_server_h1_word(server_of(c), st->arena, &st->refusal, &reply);
    submit(c, st, &reply, false);
}

void http_server_h2_reply(struct server_connection *c, struct http_request *request,
                          const struct http_reply *reply)
{
    struct h2_stream *st =
        nghttp2_session_get_stream_user_data(c->h2->session, request->token.stream);

    if (st == NULL || st->request != request) {
        SERVER_COUNT(server_of(c), replies_dropped);
        http_server_thread_arena_back(c->thread, request->arena);
        return;
    }
    submit(c, st, reply, request->method == HTTP_HEAD);
    if (reply->close || c->close_after ||
        c->requests >= server_of(c)->limits.requests_per_connection)
        http_server_h2_goaway(c);
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
            refuse(st, 400, "the path is malformed (RFC 9113 8.3.1)");
    } else if (span_is(name, ":authority")) {
        r->host = text;
    } else if (span_is(name, ":scheme") && !span_is(value, "https")) {
        refuse(st, 400, "the scheme is not https");
    }
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame,
                     const uint8_t *name, size_t name_len, const uint8_t *value,
                     size_t value_len, uint8_t flags, void *context)
{
    struct server_connection *c = context;
    struct h2_stream *st =
        nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
    struct http_request *r;

    (void)flags;
    if (st == NULL || st->handed_over)
        return 0; /* trailers of a request that has been decided */
    r = st->request;
    struct span n = span_make(name, name_len);
    struct span v = span_make(value, value_len);
    if (name_len > 0 && name[0] == ':') {
        if (span_is(n, ":path") && value_len > (size_t)server_of(c)->limits.target_octets)
            refuse(st, 414, "the request target is too long");
        else
            pseudo_header(st, n, v);
        return 0;
    }
    if (frame->headers.cat != NGHTTP2_HCAT_REQUEST)
        return 0; /* trailers are dropped (RFC 9110 6.5.1) */
    if (r->header_count == st->header_room) {
        refuse(st, 431, "too many headers (RFC 6585 5)");
        return 0;
    }
    st->headers[r->header_count].name = arena_string_of(st->arena, n);
    st->headers[r->header_count].value = arena_string_of(st->arena, v);
    r->header_count++;
    return 0;
}

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame,
                            void *context)
{
    struct server_connection *c = context;

    if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST)
        return 0;
    struct h2_stream *st = stream_new(c, frame->hd.stream_id);
    (void)nghttp2_session_set_stream_user_data(session, st->id, st);
    return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id,
                   const uint8_t *data, size_t len, void *context)
{
    struct server_connection *c = context;
    struct h2_stream *st = nghttp2_session_get_stream_user_data(session, id);

    (void)flags;
    if (st == NULL || st->handed_over)
        return 0;
    buf_add(&st->body, data, len);
    if (!st->body.failed)
        return 0;
    refuse(st, 413, "the body is too large (RFC 9110 15.5.14)");
    submit_refusal(c, st);
    return 0;
}

/* Host beside :authority must say the same (RFC 9113 8.3.1). */
static void judge(struct h2_stream *st)
{
    struct http_request *r = st->request;
    const char *host = http_message_find(r->headers, r->header_count, "host");

    if (http_message_count(r->headers, r->header_count, "host") > 1 ||
        (host != NULL && r->host[0] != '\0' && strcasecmp(host, r->host) != 0))
        refuse(st, 400, "Host and :authority differ (RFC 9113 8.3.1)");
    if (r->host[0] == '\0' && host != NULL)
        r->host = host;
    if (!http_parse_is_authority(r->host))
        refuse(st, 400, "a malformed authority (RFC 9110 7.2)");
    if (r->path == NULL || r->method_text == NULL)
        refuse(st, 400, "method or path is missing (RFC 9113 8.3.1)");
    else if (strcmp(r->path, "*") == 0 && r->method != HTTP_OPTIONS)
        refuse(st, 400, "\"*\" is for OPTIONS only");
}

static void request_whole(struct server_connection *c, struct h2_stream *st)
{
    struct http_request *r = st->request;

    if (st->handed_over)
        return;
    judge(st);
    if (st->refusal.status != 0) {
        submit_refusal(c, st);
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

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *context)
{
    struct server_connection *c = context;

    if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA)
        return 0;
    struct h2_stream *st =
        nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
    if (st == NULL)
        return 0;
    if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) {
        st->ended = true;
        request_whole(c, st);
    } else if (frame->hd.type == NGHTTP2_HEADERS && !st->handed_over) {
        judge(st);
        if (st->refusal.status != 0)
            submit_refusal(c, st);
        else
            st->deadline_us = clock_monotonic_us() + server_of(c)->limits.body_ms * 1000;
    }
    return 0;
}

/* A reply is out before its request has ended: let no more of that come (RFC 9113
 * 8.1). */
static int on_frame_sent(nghttp2_session *session, const nghttp2_frame *frame,
                         void *context)
{
    (void)context;
    if ((frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA) ||
        (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0)
        return 0;
    struct h2_stream *st =
        nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
    if (st != NULL && !st->ended)
        (void)nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, st->id,
                                        NGHTTP2_NO_ERROR);
    return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t id, uint32_t code,
                           void *context)
{
    struct server_connection *c = context;
    struct h2_stream *st = nghttp2_session_get_stream_user_data(session, id);

    (void)code;
    if (st != NULL)
        stream_free(c, st);
    return 0;
}

/* ---- the session ---- */

static bool make_session(struct server_connection *c)
{
    const struct http_server_limits *l = &server_of(c)->limits;
    nghttp2_session_callbacks *callbacks = NULL;
    nghttp2_option *option = NULL;

    if (nghttp2_session_callbacks_new(&callbacks) != 0)
        return false;
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_frame_sent);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
    bool made = nghttp2_option_new(&option) == 0;
    if (made) {
        nghttp2_option_set_max_outbound_ack(option, (size_t)l->h2_outbound_acks);
        nghttp2_option_set_stream_reset_rate_limit(option, (uint64_t)l->h2_reset_burst,
                                                   (uint64_t)l->h2_reset_per_second);
        nghttp2_option_set_no_closed_streams(option, 1);
        made = nghttp2_session_server_new2(&c->h2->session, callbacks, c, option) == 0;
    }
    nghttp2_option_del(option);
    nghttp2_session_callbacks_del(callbacks);
    return made;
}

bool http_server_h2_begin(struct server_connection *c)
{
    const struct http_server_limits *l = &server_of(c)->limits;

    c->h2 = memory_get_zeroed(1, sizeof *c->h2);
    if (!make_session(c))
        return false;
    const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, (uint32_t)l->h2_streams},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, (uint32_t)l->head_octets},
    };
    return nghttp2_submit_settings(c->h2->session, NGHTTP2_FLAG_NONE, settings,
                                   sizeof settings / sizeof settings[0]) == 0;
}

bool http_server_h2_input(struct server_connection *c, struct span octets)
{
    ssize_t taken = nghttp2_session_mem_recv(c->h2->session, octets.data, octets.len);

    if (taken < 0) {
        /* say why, if it can still be said */
        (void)nghttp2_session_terminate_session(c->h2->session, NGHTTP2_PROTOCOL_ERROR);
        http_server_connection_finish(c);
    }
    return true;
}

void http_server_h2_output(struct server_connection *c)
{
    const uint8_t *frames = NULL;

    while (c->out.len - c->out_at < OUT_AT_ONCE) {
        ssize_t len = nghttp2_session_mem_send(c->h2->session, &frames);
        if (len < 0)
            http_server_connection_finish(c);
        if (len <= 0)
            break;
        buf_add(&c->out, frames, (size_t)len);
    }
    /* a peer that does not read what it asked for is not read either */
    c->read_wanted = c->out.len - c->out_at < OUT_AT_ONCE;
}

bool http_server_h2_is_over(const struct server_connection *c)
{
    return (c->ended && c->out.len == c->out_at) ||
           (nghttp2_session_want_read(c->h2->session) == 0 &&
            nghttp2_session_want_write(c->h2->session) == 0);
}

bool http_server_h2_is_idle(const struct server_connection *c)
{
    return c->h2->stream_count == 0 && nghttp2_session_want_write(c->h2->session) == 0;
}

void http_server_h2_goaway(struct server_connection *c)
{
    if (c->h2->goaway)
        return;
    c->h2->goaway = true;
    /* streams that were begun go on to their end (RFC 9113 6.8) */
    (void)nghttp2_submit_goaway(c->h2->session, NGHTTP2_FLAG_NONE,
                                nghttp2_session_get_last_proc_stream_id(c->h2->session),
                                NGHTTP2_NO_ERROR, NULL, 0);
}

void http_server_h2_sweep(struct server_connection *c, int64_t now_us)
{
    bool changed = false;

    for (struct h2_stream *st = c->h2->streams; st != NULL; st = st->next) {
        if (st->deadline_us > now_us)
            continue;
        SERVER_COUNT(server_of(c), timed_out);
        refuse(st, 408, "the request took too long to arrive");
        submit_refusal(c, st);
        changed = true;
    }
    if (changed)
        http_server_connection_go_on(c);
}

void http_server_h2_free(struct server_connection *c)
{
    while (c->h2->streams != NULL)
        stream_free(c, c->h2->streams);
    nghttp2_session_del(c->h2->session);
    free(c->h2);
    c->h2 = NULL;
}
