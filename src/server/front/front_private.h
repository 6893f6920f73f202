/* What the parts of the front's process share. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "core/http/http_server.h"
#include "core/net/loop.h"
#include "server/admin/admin_server.h"
#include "server/audit/audit.h"
#include "server/exchange/exchange.h"
#include "server/front/front_http.h"
#include "server/gate/nonce.h"
#include "server/issue/issuer.h"
#include "server/order/ocsp_desk.h"
#include "server/order/order_desk.h"
#include "server/order/order_star.h"
#include "server/proc/ipc_channel.h"
#include "server/settings/settings.h"
#include "server/store/store_sweep.h"

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
    int64_t issuance_id;           /* by which it is recorded */
    bool recording;                /* it is not on disk yet, and so not asked */
    bool again;                    /* ask for another one when it is */
    enum err outcome;              /* of recording it */
    struct span tbs;               /* what was asked, to be asked again; in `arena` */
    int64_t not_before, not_after; /* seconds, of the one in use; 0: none */
    struct arena *arena;
    struct loop_timer *renewal;
};

/* Housekeeping: one step at a time, on a worker while `under_way`. */
struct front_sweep {
    struct work_job job; /* first */
    struct front *front;
    struct loop_timer *timer;
    bool under_way;
    int64_t ticked_us; /* monotonic: up to here its clock knows that time passed */
    size_t orders;     /* removed in this round */
    size_t authzs;
    size_t listed;

    /* of the step: set before it, read behind it */
    int64_t elapsed, wall; /* seconds */
    struct store_sweep_limits limits;
    struct store_sweep state;
    struct store_sweep_result result;
    bool loaded;
    int64_t took_us;
    enum err outcome;
};

/* Rate limits on their way to the store. */
struct front_rates {
    struct work_job job; /* must be first */
    struct front *front;
    struct loop_timer *timer;
    atomic_bool under_way;
};

/* Auto-renewal: one turn at a time, on a worker while `under_way`. */
struct front_star {
    struct work_job job; /* first */
    struct front *front;
    struct loop_timer *timer;
    bool under_way;
    bool clock_went_back; /* for the next turn */
    bool clock_back;      /* of the turn, until that is done */
    struct order_star_means means;
};

/* The audit log; times are monotonic, 0: never. */
struct front_audit {
    struct audit *log;
    bool start_missing;   /* the line of the start could not be written */
    int64_t head_ms;      /* when the last head came */
    int64_t asked_ms;     /* when one was asked for */
    uint64_t head_noted;  /* lines that were noted before what the last one vouches for */
    uint64_t asked_noted; /* the same of what was asked for */
};

struct front {
    struct arena *arena; /* for as long as the process lives */
    const struct settings *settings;
    struct loop *loop;
    struct front_peer control;
    struct front_peer validator;
    struct front_peer signer;
    struct front_peer relay; /* closed as long as there are no perspectives elsewhere */
    int relay_fd;            /* what it began with; -1: none */
    struct front_tls tls;
    struct front_crl *crl; /* see front_crl.h */

    /* what certificates are made from */
    struct issuer_set
        issuers; /* for the loop; other threads have those of the services */
    const struct issuer_set *issuers_shared; /* the same for them, for ever */

    struct services services; /* as of the start; a reload makes another one */
    struct nonce_jar *nonces;
    struct store_session *session; /* of this thread */
    struct front_http *http;
    struct http_server *server;
    struct admin_server *admin; /* NULL until its socket has come */
    uid_t owner;                /* of the CA's folder */

    int64_t connections; /* at most, as descriptors allow */
    struct loop_timer *watch;
    struct front_sweep sweep;
    struct front_rates rates;
    struct front_star star;
    int64_t day_seen; /* since 1970, by front_watch */
    struct front_audit audit;
    int64_t wall_offset_ms; /* between the wall clock and the monotonic one */

    int listeners[SETTINGS_LISTEN_MAX];
    size_t listener_count;
    int publish_listeners[SETTINGS_LISTEN_MAX]; /* plain HTTP */
    size_t publish_listener_count;
    bool has_listeners; /* all that were bound at the start have come */
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

/* Ask a perspective: the validator here (""), or one elsewhere by way of the relay. From
 * any thread. False: it could not be sent just now. */
bool front_peers_ask(struct front *f, const struct order_desk_check *check,
                     const char *perspective);

/* ---- front_relay.c ---- */

/* What commands may ask about perspectives elsewhere; before any of these messages. */
void front_relay_open(struct front *f);
void front_relay_close(struct front *f);

/* Have the order desk ask the perspectives of the settings from now on; what that takes
 * lives in the arena, which must last. */
void front_relay_convene(struct front *f, struct arena *a);

/* The relay could not ask a perspective, or tells how it is reached. */
enum err front_relay_unreached(struct front *f, const struct message_unreached *m);
enum err front_relay_outlook(struct front *f, const struct message_outlook *m);

/* The supervisor's answer to a reload that a command wished for. */
void front_relay_reloaded(struct front *f, const struct message_reload_begun *m);

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

/* ---- front_attest.c ---- */

/* Make services.attestations, which asks the validator. */
void front_attest_open(struct front *f);

/* The validator judged one. ERR_PROTOCOL. */
MUST_CHECK enum err front_attest_answered(struct front *f,
                                          const struct message_attested *m,
                                          struct err_info *why);

/* ---- front_ocsp.c ---- */

/* Make services.ocsp, which asks the signer. ERR_CONFIG. */
MUST_CHECK enum err front_ocsp_open(struct front *f, struct err_info *why);

/* Is that the number of one of its questions? */
bool front_ocsp_asked(uint64_t id);

/* ---- front_enroll.c ---- */

/* Make services.enrollments, which asks the validator and the signer. */
void front_enroll_open(struct front *f);

/* The signer's answers; false if they are to nothing that this desk asked. */
bool front_enroll_signed(struct front *f, const struct message_signed *m);
bool front_enroll_refused(struct front *f, const struct message_sign_refused *m);

/* The validator's judgement. ERR_PROTOCOL. */
MUST_CHECK enum err front_enroll_judged(struct front *f, const struct message_enrolled *m,
                                        struct err_info *why);

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

/* ---- front_rates.c ---- */

/* Make services.limits of the settings, the list of suffixes and the store; before the
 * sandbox. ERR_CONFIG, ERR_STORE. */
MUST_CHECK enum err front_rates_read(struct front *f, struct err_info *why);

/* Write them to the store now and then; at the end all, on disk. */
void front_rates_open(struct front *f);
void front_rates_end(struct front *f);

/* ---- front_sweep.c ---- */

/* Remove what has been over for long, now and then. */
void front_sweep_open(struct front *f);
void front_sweep_close(struct front *f);

/* ---- front_star.c ---- */

/* Make the next certificates of auto-renewal orders (RFC 8739) when they are due. */
void front_star_open(struct front *f);
void front_star_close(struct front *f);

/* The clock was set back: what is due by the wrong one is due now. */
void front_star_clock_back(struct front *f);

/* ---- front_audit.c ---- */

/* The number of questions for a head. */
#define FRONT_AUDIT_HEAD (FRONT_TLS_FIRST | UINT64_C(1) << 62)

/* Open the log; before the store is changed, and before the sandbox. ERR_IO, ERR_STORE.
 */
MUST_CHECK enum err front_audit_open(struct front *f, struct err_info *why);

/* Note the start, a reload (of `old` settings, by that text), the end in order. */
void front_audit_start(struct front *f);
void front_audit_reload(struct front *f, const struct settings *old, struct span text,
                        enum err result, const struct err_info *why);
void front_audit_end(struct front *f);

/* Is it time for a head? Once a second. Or ask for one now; the signer's answer. */
void front_audit_look(struct front *f);
void front_audit_ask(struct front *f);
void front_audit_signed(struct front *f, struct span answer);

/* A log did not take a certificate. */
void front_audit_final_refused(struct front *f, uint64_t issuance, const char *log,
                               const char *why);

/* A file for the lines that follow. */
void front_audit_segment(struct front *f, const struct message_audit_segment *m);

/* ---- front_main.c ---- */

/* A listener, a certificate: is everything there to begin? Then begin, and say so. */
void front_main_try_ready(struct front *f);

/* Take over new settings as far as a running process can; RELOAD's answer is sent. */
void front_main_reload(struct front *f, const struct message_reload *m);

/* Finish what is under way, then let the loop end. */
void front_main_drain(struct front *f, int64_t milliseconds);
