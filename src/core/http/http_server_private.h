/* Inside the HTTP server: threads, connections, the two protocols.
 *
 * http_server.c            the contract: threads made, ended, asked
 * http_server_thread.c     one thread: accepting, slots, deadlines
 * http_server_connection.c one connection: reading, writing, closing
 * http_server_h1.c         HTTP/1.1 on a connection
 * http_server_h2.c         HTTP/2 on a connection
 * http_server_h2_stream.c  a request in HTTP/2
 * http_server_peers.c      how many connections each peer has */
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "core/base/buf.h"
#include "core/http/http_body.h"
#include "core/http/http_date.h"
#include "core/http/http_parse.h"
#include "core/http/http_server.h"
#include "core/net/loop.h"
#include "core/net/tls_connection.h"

#define SERVER_SCRATCH    (64 * 1024)       /* octets read at once */
#define SERVER_OUT_MAX    (4 * 1024 * 1024) /* octets waiting to be written */
#define SERVER_OUT_ENOUGH (128 * 1024) /* so many waiting: no more requests are read */
#define SERVER_BODY_COPIED                                                               \
    (64 * 1024)                /* larger bodies are written from where they are          \
                                */
#define SERVER_READS_A_TURN 8  /* reads before others get their turn */
#define SERVER_ARENAS_KEPT  64 /* per thread, for requests to come */
#define SERVER_ACCEPTS      64 /* connections accepted in one turn */
#define SERVER_NEVER        INT64_MAX

struct server_thread;
struct server_h2;

enum server_stage {
    SERVER_HANDSHAKE,
    SERVER_IDLE,    /* no octet of a request is here */
    SERVER_HEAD,    /* HTTP/1.1: in a head */
    SERVER_BODY,    /* HTTP/1.1: in a body */
    SERVER_WAITING, /* HTTP/1.1: a request was handed over */
    SERVER_H2,
    SERVER_CLOSING, /* the last octets are being written */
    SERVER_LINGER,  /* nothing more is written; the peer may still be sending */
};

struct server_connection {
    struct server_thread *thread;
    uint32_t slot;
    uint32_t generation;
    int fd;
    struct tls_connection *tls; /* NULL: plain */
    struct loop_fd *watch;
    struct address peer;
    enum server_stage stage;
    int64_t deadline_us; /* SERVER_NEVER: none */
    int64_t write_deadline_us;
    struct buf in;
    struct buf out;
    size_t out_at;              /* octets of `out` already written */
    bool readable;              /* the socket may have octets that were not read */
    bool read_wanted;           /* the protocol takes more input */
    bool write_blocked_by_read; /* TLS must read before it can write */
    bool ended;                 /* the peer sends nothing more */
    int64_t requests;
    int64_t forgotten; /* octets read after the last reply */

    /* HTTP/1.1 */
    struct http_scan scan;
    struct http_request_head head;
    struct http_body body_state;
    struct buf body;
    struct arena *arena; /* of the request being read */
    struct span rest; /* of a large body, to be written behind `out`; in `rest_arena` */
    struct arena *rest_arena;
    bool close_after;
    bool held; /* a request is not begun before replies are written */

    struct server_h2 *h2;
};

struct server_slot {
    struct server_connection *connection; /* NULL: free */
    uint32_t generation;
    uint32_t next_free;
};

struct server_listener {
    struct server_thread *thread;
    int fd;
    bool tls;
    struct loop_fd *watch;
    struct loop_timer *pause; /* until descriptors are there again */
    struct server_listener *next;
};

struct server_thread {
    struct http_server *server;
    uint32_t index;
    struct loop *loop;
    pthread_t thread;
    bool started;
    struct server_slot *slots;
    uint32_t slot_count;
    uint32_t first_free;
    uint32_t open;
    uint32_t most; /* open at once since memory was given back */
    struct server_listener *listeners;
    struct loop_timer *sweep;
    int64_t sweep_ms;
    bool draining;
    struct arena *arenas[SERVER_ARENAS_KEPT];
    size_t arena_count;
    uint8_t *scratch;
    int64_t date_second;
    char date[HTTP_DATE_SIZE];
};

struct server_peers;

struct http_server {
    struct http_server_limits limits;
    struct http_server_callbacks callbacks;
    struct http_parse_limits parse_limits;
    pthread_mutex_t lock; /* of tls */
    struct tls_context *tls;
    struct server_peers *peers;
    atomic_uint next_thread;
    atomic_long open;
    atomic_long listening; /* listeners not closed yet */
    size_t thread_count;
    struct server_thread *threads;
    struct {
#define HTTP_SERVER_COUNT(name, comment) atomic_ullong name;
#include "core/http/http_server_counts.def"
#undef HTTP_SERVER_COUNT
    } counts;
};

#define SERVER_COUNT(server, name)                                                       \
    atomic_fetch_add_explicit(&(server)->counts.name, 1, memory_order_relaxed)

/* ---- http_server_thread.c ---- */

/* Start the thread, which runs until it is ended: then its connections are closed.
 * Freeing comes when all threads are ended, because they hand work to each other. ERR_IO.
 */
MUST_CHECK enum err http_server_thread_start(struct http_server *s,
                                             struct server_thread *t, uint32_t index,
                                             struct err_info *why);
void http_server_thread_end(struct server_thread *t);
void http_server_thread_free(struct server_thread *t);

/* Posted: watch a listener; close listeners; begin to drain. */
void http_server_thread_listen(struct server_thread *t, int fd, bool tls);
void http_server_thread_close_listeners(void *thread);
void http_server_thread_drain(void *thread);

/* The connection a token names; NULL if it is gone. */
struct server_connection *http_server_thread_find(struct server_thread *t,
                                                  const struct http_token *token);
void http_server_thread_forget(struct server_connection *c);

/* Arenas of requests, reused. */
struct arena *http_server_thread_arena(struct server_thread *t);
void http_server_thread_arena_back(struct server_thread *t, struct arena *a);

/* "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110 5.6.7), of now. */
const char *http_server_thread_date(struct server_thread *t);

/* ---- http_server_connection.c ---- */

/* A connection in a slot that the thread gives it; freeing closes it. */
struct server_connection *http_server_connection_new(struct server_thread *t, int fd,
                                                     const struct address *peer,
                                                     bool tls);
void http_server_connection_free(struct server_connection *c);

/* Write what is queued, then see what can be read. Frees the connection when it is over;
 * it must not be used afterwards. */
void http_server_connection_go_on(struct server_connection *c);

/* Its time is over: close it, or answer 408 where a request was begun. */
void http_server_connection_expired(struct server_connection *c);

/* Close it now, saying so properly: nothing is under way. */
void http_server_connection_close(struct server_connection *c);

/* Does the peer let so much lie unread that nothing more is made for it? */
bool http_server_connection_is_full(const struct server_connection *c);

/* Close once everything queued is written. */
void http_server_connection_finish(struct server_connection *c);

/* No request is under way: it may be closed without loss. */
bool http_server_connection_is_idle(const struct server_connection *c);

/* The deadline of writing after some octets went out: what is taken too slowly is taken
 * back, and `now_us` + write_ms is the latest. */
int64_t http_server_connection_progress(const struct server_connection *c,
                                        int64_t deadline_us, size_t octets);

/* It expires in so many milliseconds unless another deadline is set. */
void http_server_connection_deadline(struct server_connection *c, int64_t milliseconds);

/* ---- http_server_h1.c ---- */

/* Read requests from what is buffered, until one is handed over or more is needed. */
void http_server_h1_process(struct server_connection *c);

/* Write a reply. True: the request's arena is kept, and given back when it is written. */
bool http_server_h1_reply(struct server_connection *c, struct http_request *request,
                          const struct http_reply *reply);
void http_server_h1_refuse(struct server_connection *c, const struct http_refusal *no);
void http_server_h1_drop(struct server_connection *c);

/* Hand a request to the callback; it is in flight from now on. */
void http_server_h1_hand_over(struct server_connection *c, struct http_request *request,
                              int32_t stream);

/* Octets that the body of a request to this path may have. */
size_t http_server_h1_body_limit(const struct http_server *s, const char *path);

/* Word a refusal (callback, or plain text). */
void http_server_h1_word(struct http_server *s, struct arena *a,
                         const struct http_refusal *no, struct http_reply *reply);

/* ---- http_server_h2.c ---- */

/* Begin HTTP/2; false if memory or the library fails. */
bool http_server_h2_begin(struct server_connection *c);
/* Take input; false: the connection is over (what is queued is still written). */
bool http_server_h2_input(struct server_connection *c, struct span octets);
/* Fill c->out with frames. */
void http_server_h2_output(struct server_connection *c);
/* Nothing to read or write any more? */
bool http_server_h2_is_over(const struct server_connection *c);
bool http_server_h2_is_idle(const struct server_connection *c);
void http_server_h2_reply(struct server_connection *c, struct http_request *request,
                          const struct http_reply *reply);
void http_server_h2_sweep(struct server_connection *c, int64_t now_us);
void http_server_h2_goaway(struct server_connection *c);
void http_server_h2_free(struct server_connection *c);

/* ---- http_server_peers.c ---- */

/* An empty count. */
struct server_peers *http_server_peers_new(void);
void http_server_peers_free(struct server_peers *p);
/* Count a connection of the peer, unless it has `most` already. */
bool http_server_peers_enter(struct server_peers *p, const struct address *peer,
                             int64_t most);
void http_server_peers_leave(struct server_peers *p, const struct address *peer);
