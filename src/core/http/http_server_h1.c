/* HTTP/1.1 on a connection: one request after the other (RFC 9112 9.3). */
#include <stdlib.h>
#include <string.h>

#include "core/http/http_server_private.h"

/* ---- refusals ---- */

void http_server_h1_word(struct http_server *s, struct arena *a,
                         const struct http_refusal *no, struct http_reply *reply)
{
    memset(reply, 0, sizeof *reply);
    reply->status = no->status;
    reply->close = true;
    SERVER_COUNT(s, refused);
    if (s->callbacks.on_refusal != NULL) {
        s->callbacks.on_refusal(s->callbacks.context, a, no->status, no->detail, reply);
        return;
    }
    http_reply_header(reply, "Content-Type", "text/plain; charset=utf-8");
    reply->body = span_of(arena_printf(a, "%s\n", no->detail));
}

static void write_reply(struct server_connection *c, const struct http_reply *reply,
                        bool head_only, bool http_1_0);

void http_server_h1_refuse(struct server_connection *c, const struct http_refusal *no)
{
    struct arena *a = http_server_thread_arena(c->thread);
    struct http_reply reply;

    http_server_h1_word(c->thread->server, a, no, &reply);
    write_reply(c, &reply, false, false);
    http_server_thread_arena_back(c->thread, a);
    http_server_h1_drop(c);
    http_server_connection_finish(c);
}

void http_server_h1_drop(struct server_connection *c)
{
    if (c->arena != NULL)
        http_server_thread_arena_back(c->thread, c->arena);
    c->arena = NULL;
}

/* ---- requests ---- */

void http_server_h1_hand_over(struct server_connection *c, struct http_request *request,
                              int32_t stream)
{
    struct http_server *s = c->thread->server;

    request->peer = c->peer;
    request->tls = c->tls != NULL;
    request->token.thread = c->thread->index;
    request->token.slot = c->slot;
    request->token.generation = c->generation;
    request->token.stream = stream;
    SERVER_COUNT(s, requests);
    s->callbacks.on_request(s->callbacks.context, request);
}

static void hand_over(struct server_connection *c)
{
    struct http_request *r = arena_get(c->arena, sizeof *r);

    r->arena = c->arena;
    r->method = c->head.method;
    r->method_text = c->head.method_text;
    r->path = c->head.path;
    r->query = c->head.query;
    r->host = c->head.host;
    r->headers = c->head.headers;
    r->header_count = c->head.header_count;
    r->body = arena_span(c->arena, buf_span(&c->body));
    buf_clear(&c->body);
    if (c->body.room > (size_t)c->thread->server->limits.body_octets)
        buf_free(&c->body); /* the next one is not that large */
    c->arena = NULL;
    c->requests++;
    c->stage = SERVER_WAITING;
    c->deadline_us = SERVER_NEVER;
    http_server_h1_hand_over(c, r, 0);
}

size_t http_server_h1_body_limit(const struct http_server *s, const char *path)
{
    int64_t limit = s->limits.body_octets;
    int64_t special = s->callbacks.body_limit != NULL
                          ? s->callbacks.body_limit(s->callbacks.context, path)
                          : 0;

    return (size_t)(special > limit ? special : limit);
}

/* The head is whole: read it and see what body follows. */
static bool begin_body(struct server_connection *c, size_t length,
                       struct http_refusal *no)
{
    struct http_server *s = c->thread->server;

    c->arena = http_server_thread_arena(c->thread);
    if (http_parse_request(c->arena, span_slice(buf_span(&c->in), 0, length),
                           &s->parse_limits, &c->head, no) != HTTP_PARSE_DONE)
        return false;
    buf_drop(&c->in, length);
    if (c->head.scheme != NULL &&
        strcmp(c->head.scheme, c->tls != NULL ? "https" : "http") != 0) {
        no->status = 400;
        no->detail = "the target's scheme is not that of this connection";
        return false;
    }
    size_t limit = http_server_h1_body_limit(s, c->head.path);
    if (c->head.framing == HTTP_LENGTH && c->head.content_length > limit) {
        no->status = 413;
        no->detail = "the body is too large (RFC 9110 15.5.14)";
        return false;
    }
    c->body_state = http_body_begin(c->head.framing, c->head.content_length);
    buf_clear(&c->body);
    c->body.max = limit;
    bool has_body = c->head.framing == HTTP_CHUNKED || c->head.content_length > 0;
    if (c->head.expect_continue && has_body && c->in.len == 0)
        buf_add_text(&c->out, "HTTP/1.1 100 Continue\r\n\r\n");
    c->stage = SERVER_BODY;
    http_server_connection_deadline(c, s->limits.body_ms);
    return true;
}

static enum http_parse_result read_head(struct server_connection *c,
                                        struct http_refusal *no)
{
    struct http_server *s = c->thread->server;
    size_t length = 0;

    if (c->in.len == 0)
        return HTTP_PARSE_MORE;
    if (c->stage == SERVER_IDLE) {
        c->stage = SERVER_HEAD;
        memset(&c->scan, 0, sizeof c->scan);
        http_server_connection_deadline(c, s->limits.head_ms);
    }
    enum http_parse_result result =
        http_parse_scan(&c->scan, buf_span(&c->in), &s->parse_limits, &length, no);
    if (result == HTTP_PARSE_DONE && !begin_body(c, length, no))
        result = HTTP_PARSE_REFUSED;
    return result;
}

static enum http_parse_result read_body(struct server_connection *c,
                                        struct http_refusal *no)
{
    size_t used = 0;
    enum http_parse_result result =
        http_body_feed(&c->body_state, buf_span(&c->in), &c->body, &used, no);

    buf_drop(&c->in, used);
    return result;
}

void http_server_h1_process(struct server_connection *c)
{
    struct http_refusal no;
    enum http_parse_result result = HTTP_PARSE_DONE;

    while (result == HTTP_PARSE_DONE) {
        /* who does not read replies gets no more of them made */
        if (c->stage == SERVER_IDLE && http_server_connection_is_full(c)) {
            c->held = true;
            return;
        }
        if (c->stage == SERVER_IDLE || c->stage == SERVER_HEAD) {
            result = read_head(c, &no);
        } else if (c->stage == SERVER_BODY) {
            result = read_body(c, &no);
            if (result == HTTP_PARSE_DONE)
                hand_over(c);
        } else {
            return;
        }
    }
    if (result == HTTP_PARSE_REFUSED)
        http_server_h1_refuse(c, &no);
}

/* ---- replies ---- */

/* Statuses that never have a body (RFC 9110 6.4.1). */
static bool is_bodiless(int status)
{
    return status < 200 || status == 204 || status == 304;
}

static void write_reply(struct server_connection *c, const struct http_reply *reply,
                        bool head_only, bool http_1_0)
{
    struct buf *out = &c->out;

    buf_printf(out, "HTTP/1.1 %d %s\r\nDate: %s\r\n", reply->status,
               http_message_reason(reply->status), http_server_thread_date(c->thread));
    for (size_t i = 0; i < reply->header_count; i++) {
        buf_add_text(out, reply->headers[i].name);
        buf_add_text(out, ": ");
        buf_add_text(out, reply->headers[i].value);
        buf_add_text(out, "\r\n");
    }
    if (!is_bodiless(reply->status))
        buf_printf(out, "Content-Length: %zu\r\n", reply->body.len);
    if (reply->close)
        buf_add_text(out, "Connection: close\r\n");
    else if (http_1_0)
        buf_add_text(out, "Connection: keep-alive\r\n");
    buf_add_text(out, "\r\n");
    if (head_only || is_bodiless(reply->status))
        return;
    if (reply->body.len > SERVER_BODY_COPIED)
        c->rest = reply->body;
    else
        buf_add_span(out, reply->body);
}

bool http_server_h1_reply(struct server_connection *c, struct http_request *request,
                          const struct http_reply *reply)
{
    struct http_server *s = c->thread->server;
    struct http_reply answer = *reply;

    answer.close = answer.close || !c->head.keep_alive || c->close_after ||
                   c->requests >= s->limits.requests_per_connection;
    write_reply(c, &answer, request->method == HTTP_HEAD, c->head.minor == 0);
    if (c->rest.len > 0)
        c->rest_arena = request->arena;
    bool kept = c->rest_arena != NULL;
    if (c->out.failed || answer.close) {
        http_server_connection_finish(c);
        return kept;
    }
    c->stage = SERVER_IDLE;
    http_server_connection_deadline(c, s->limits.idle_ms);
    http_server_h1_process(c); /* a request may be waiting behind this one */
    return kept;
}
