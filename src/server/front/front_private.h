/* What the parts of the front's process share. */
#pragma once

#include <pthread.h>

#include "core/http/http_server.h"
#include "core/net/loop.h"
#include "server/exchange/exchange.h"
#include "server/front/front_http.h"
#include "server/gate/nonce.h"
#include "server/issue/template.h"
#include "server/order/order_desk.h"
#include "server/proc/ipc_channel.h"
#include "server/settings/settings.h"

struct front;

/* Another process, as the front's loop sees it. */
struct front_peer {
    struct front *front;
    struct ipc_channel *channel;
    struct loop_fd *watch; /* NULL while the process is away */
    int looks_away;        /* of the watch, since it went away */
};

/* The HTTPS certificate of this server, which it issues itself. */
struct front_tls {
    struct key *key;               /* of the certificate that was asked for */
    bool asked;                    /* the signer has not answered yet */
    uint64_t id;                   /* of the question */
    struct span tbs;               /* what was asked, to be asked again; in `arena` */
    int64_t not_before, not_after; /* seconds, of the one in use; 0: none */
    struct arena *arena;
    struct loop_timer *renewal;
};

struct front {
    struct arena *arena; /* for as long as the process lives */
    const struct settings *settings;
    struct loop *loop;
    struct front_peer control;
    struct front_peer validator;
    struct front_peer signer;
    struct front_tls tls;

    /* what certificates are made from */
    struct template_issuer issuer;
    struct span chain_der; /* the issuers behind every certificate, one after the other */
    struct span chain_pem;

    struct services services; /* as of the start; a reload makes another one */
    struct nonce_jar *nonces;
    struct store_session *session; /* of this thread */
    struct front_http *http;
    struct http_server *server;

    int64_t connections; /* at most, as descriptors allow */
    struct loop_timer *watch;
    int64_t wall_offset_ms; /* between the wall clock and the monotonic one */

    int listeners[SETTINGS_LISTEN_MAX];
    size_t listener_count;
    bool ready;
    bool orderly; /* drained without cutting anything off */
    int exit_code;
    pthread_t drain_thread;
    int64_t drain_ms;
    bool draining;
};

/* ---- front_peers.c ---- */

/* Channels over the sockets the supervisor left; watched by the loop from now on. */
void front_peers_open(struct front *f);
void front_peers_close(struct front *f);

/* Look after the channels, once a second: one that stays closed, because an end of it
 * broke the protocol and neither process ended, is opened again by a new front. */
void front_peers_look(struct front *f);

/* The ports of the order desk. */
struct order_desk_ports front_peers_ports(struct front *f);

/* ---- front_tls.c ---- */

/* Ask the signer for a certificate for the names in the settings; the answer comes by
 * front_tls_signed or front_tls_refused. */
MUST_CHECK enum err front_tls_ask(struct front *f, struct err_info *why);

/* The clock jumped: is the certificate still good? */
void front_tls_check(struct front *f);

/* The signer was started again: repeat what it has not answered. */
void front_tls_ask_again(struct front *f);

/* Numbers of these questions begin here; the others are ids of issuances. */
#define FRONT_TLS_FIRST (UINT64_C(1) << 63)

/* Answers; one to a question that was given up meanwhile is passed over. */
void front_tls_signed(struct front *f, uint64_t id, struct span certificate);
void front_tls_refused(struct front *f, uint64_t id, const char *detail);
void front_tls_close(struct front *f);

/* ---- front_limits.c ---- */

/* The HTTP server's limits by the settings. */
struct http_server_limits front_limits_of(const struct settings *s, unsigned int cores);

/* Let the process have descriptors for so many connections, or say in the log why it
 * cannot; how many connections are possible. Before the sandbox, which forbids it. */
int64_t front_limits_descriptors(int64_t connections);

/* Options that a running process cannot change: say so, instead of nothing happening. */
void front_limits_name_unchanged(const struct settings *old,
                                 const struct settings *fresh);

/* ---- front_watch.c ---- */

/* Look after the clock and what could not be recorded, once a second. */
void front_watch_open(struct front *f);
void front_watch_close(struct front *f);

/* ---- front_main.c ---- */

/* A listener, a certificate: is everything there to begin? Then begin, and say so. */
void front_main_try_ready(struct front *f);

/* Take over new settings as far as a running process can; RELOAD's answer is sent. */
void front_main_reload(struct front *f, const struct message_reload *m);

/* Finish what is under way, then let the loop end. */
void front_main_drain(struct front *f, int64_t milliseconds);
