/* HTTP/2 on a connection, framed by nghttp2 (RFC 9113). */
#include <stdlib.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/base/memory.h"
#include "core/http/http_server_h2_private.h"

static struct http_server *server_of(struct server_connection *c)
{
    return c->thread->server;
}

/* ---- streams ---- */

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
    http_server_h2_stream_reply(c, st, reply, request->method == HTTP_HEAD);
    if (reply->close || c->close_after ||
        c->requests >= server_of(c)->limits.requests_per_connection)
        http_server_h2_goaway(c);
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame,
                     const uint8_t *name, size_t name_len, const uint8_t *value,
                     size_t value_len, uint8_t flags, void *context)
{
    struct h2_stream *st =
        nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);

    (void)flags;
    /* what comes behind a decision, and trailers, are dropped (RFC 9110 6.5.1) */
    if (st != NULL && !st->handed_over && frame->headers.cat == NGHTTP2_HCAT_REQUEST)
        http_server_h2_stream_field(context, st, span_make(name, name_len),
                                    span_make(value, value_len));
    return 0;
}

/* nghttp2 would pass over a field with an octet that may not be there; the request is
 * malformed (RFC 9113 8.2.1). */
static int on_bad_header(nghttp2_session *session, const nghttp2_frame *frame,
                         const uint8_t *name, size_t name_len, const uint8_t *value,
                         size_t value_len, uint8_t flags, void *context)
{
    (void)session;
    (void)frame;
    (void)name;
    (void)name_len;
    (void)value;
    (void)value_len;
    (void)flags;
    (void)context;
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame,
                            void *context)
{
    struct server_connection *c = context;

    if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST)
        return 0;
    struct h2_stream *st = http_server_h2_stream_new(c, frame->hd.stream_id);
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
    http_server_h2_stream_note(st, 413, "the body is too large (RFC 9110 15.5.14)");
    http_server_h2_stream_refuse(c, st);
    return 0;
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
        http_server_h2_stream_whole(c, st);
    } else if (frame->hd.type == NGHTTP2_HEADERS && !st->handed_over) {
        http_server_h2_stream_begun(c, st);
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
        http_server_h2_stream_free(c, st);
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
    nghttp2_session_callbacks_set_on_invalid_header_callback(callbacks, on_bad_header);
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

    while (!http_server_connection_is_full(c)) {
        ssize_t len = nghttp2_session_mem_send(c->h2->session, &frames);
        if (len < 0)
            http_server_connection_finish(c);
        if (len <= 0)
            break;
        buf_add(&c->out, frames, (size_t)len);
    }
    /* a peer that does not read what it asked for is not read either */
    c->read_wanted = !http_server_connection_is_full(c);
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
        changed = true;
        if (st->answered) {
            st->deadline_us = SERVER_NEVER;
            (void)nghttp2_submit_rst_stream(c->h2->session, NGHTTP2_FLAG_NONE, st->id,
                                            NGHTTP2_CANCEL);
            continue;
        }
        http_server_h2_stream_note(st, 408, "the request took too long to arrive");
        http_server_h2_stream_refuse(c, st);
    }
    if (changed)
        http_server_connection_go_on(c);
}

void http_server_h2_free(struct server_connection *c)
{
    while (c->h2->streams != NULL)
        http_server_h2_stream_free(c, c->h2->streams);
    nghttp2_session_del(c->h2->session);
    free(c->h2);
    c->h2 = NULL;
}
