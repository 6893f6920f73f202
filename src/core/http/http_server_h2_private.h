/* Inside HTTP/2: http_server_h2.c runs the session, http_server_h2_stream.c is one
 * request and its reply. */
#pragma once

#include <nghttp2/nghttp2.h>

#include "core/http/http_server_private.h"

struct h2_stream {
    struct h2_stream *next;
    struct h2_stream *previous;
    int32_t id;
    struct arena *arena;
    struct http_request *request; /* being read; then with the callback */
    struct http_header *headers;
    size_t header_room;
    size_t header_octets; /* as RFC 9113 6.5.2 counts them */
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

/* A stream that begins; freed when nghttp2 closes it. Its arena stays with the request
 * while the callback has it. */
struct h2_stream *http_server_h2_stream_new(struct server_connection *c, int32_t id);
void http_server_h2_stream_free(struct server_connection *c, struct h2_stream *st);

/* One field of the request's head. */
void http_server_h2_stream_field(struct server_connection *c, struct h2_stream *st,
                                 struct span name, struct span value);

/* The head is there and a body is to come: take it, or refuse at once. */
void http_server_h2_stream_begun(struct server_connection *c, struct h2_stream *st);

/* The request is whole: hand it over, or refuse it. */
void http_server_h2_stream_whole(struct server_connection *c, struct h2_stream *st);

/* Note why it is refused (the first reason stays); and answer so. */
void http_server_h2_stream_note(struct h2_stream *st, int status, const char *detail);
void http_server_h2_stream_refuse(struct server_connection *c, struct h2_stream *st);

/* Answer it. */
void http_server_h2_stream_reply(struct server_connection *c, struct h2_stream *st,
                                 const struct http_reply *reply, bool head_only);
