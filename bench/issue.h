/* bench/issue: clients that drive complete ACME flows, and the world they need. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/base/arena.h"
#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/cli/cli.h"
#include "core/crypto/key.h"
#include "core/json/json_read.h"
#include "core/net/address.h"
#include "core/net/tls.h"
#include "core/net/tls_connection.h"

/* The steps of a flow, each timed. */
enum issue_step {
#define ISSUE_STEP(NAME, text) ISSUE_##NAME,
#include "issue_steps.def"
#undef ISSUE_STEP
    ISSUE_STEP_COUNT
};

/* How a step is called in reports; a static string. */
const char *issue_step_text(enum issue_step step);

struct issue_options {
    const char *directory;
    const char *ca_file;      /* judges the server's HTTPS certificate */
    const char *issuing_root; /* judges a sample of what it issues; NULL: no sample */
    int64_t clients;
    int64_t seconds;
    int64_t warmup;
    int64_t certificates; /* stop after so many; 0: by time */
    int64_t http_port;
    int64_t dns_port;
    int64_t pin;  /* core this program runs on, -1: any */
    int64_t core; /* the server's core, whose load is reported; -1: none */
    bool only_nonces;
    bool json;
};

/* Times of one step in microseconds. */
struct issue_times {
    uint32_t *us;
    size_t count;
    size_t room;
};

/* Errors of one kind. */
struct issue_error {
    char type[64];
    uint64_t count;
    char detail[ERR_DETAIL_MAX]; /* of the last one */
};

#define ISSUE_ERRORS_MAX 16 /* kinds kept apart; the last one takes the rest */

/* What is counted, by a client and in sum. */
struct issue_counts {
    uint64_t certificates;
    uint64_t requests;
    uint64_t bad_nonces;
    uint64_t polls;              /* looks at an authorization or order not yet decided */
    uint64_t challenges_at_once; /* answers that held the final state already */
    uint64_t finalized_at_once;
    uint64_t chains_verified;
    struct issue_error errors[ISSUE_ERRORS_MAX];
    size_t error_kinds;
};

/* Count `count` errors of a kind. */
void issue_counts_error(struct issue_counts *c, const char *type, const char *detail,
                        uint64_t count);

/* ---- issue_dns.c and issue_world.c: DNS stub and http-01 responder, threads each ----
 */

struct issue_world;

/* Start both on 127.0.0.1; ERR_NETWORK. They run until the process ends. */
MUST_CHECK enum err issue_world_start(int64_t http_port, int64_t dns_port,
                                      struct issue_world **world, struct err_info *why);

/* Answer a token from now on; the texts are copied. Any thread. */
void issue_world_answer(struct issue_world *w, const char *token,
                        const char *key_authorization);

/* Forget it. */
void issue_world_forget(struct issue_world *w, const char *token);

/* A socket of this type bound to 127.0.0.1, listening if it is a stream; ERR_NETWORK. */
MUST_CHECK enum err issue_world_bind(int type, int64_t port, int *fd,
                                     struct err_info *why);

/* Serve DNS over UDP and TCP: every name is at 127.0.0.1. ERR_NETWORK. */
MUST_CHECK enum err issue_dns_start(int64_t port, struct err_info *why);

/* ---- issue_http.c: one kept-alive connection ---- */

struct issue_connection {
    struct tls_context *tls_context;
    const char *host;
    uint16_t port;
    struct address address;
    int fd;
    struct tls_connection *tls;
    struct buf in;
    struct buf out;
};

struct issue_response {
    int status;
    const char *nonce;
    const char *location;
    struct span body;
};

/* Do one request; connects when there is no connection. In the arena. ERR_NETWORK. */
MUST_CHECK enum err issue_http_do(struct issue_connection *c, struct arena *a,
                                  const char *method, const char *path, struct span body,
                                  struct issue_response *response, struct err_info *why);
void issue_http_close(struct issue_connection *c);

/* ---- issue_client.c: one subscriber ---- */

struct issue_run {
    struct issue_options options;
    struct issue_world *world;
    struct tls_context *tls_context;
    struct span issuing_roots; /* PEM; empty: chains are not verified */
    const char *host;
    uint16_t port;
    const char *directory_path;
    char *new_nonce;
    char *new_account;
    char *new_order;
    pthread_barrier_t registered; /* all clients and main */
    atomic_bool measuring;
    atomic_bool stopping;
    atomic_long left; /* certificates still to be made, when counted */
    uint32_t salt;    /* makes the names of this run new */
};

struct issue_client {
    struct issue_run *run;
    int index;
    pthread_t thread;
    struct issue_connection connection;
    struct arena *arena; /* of one flow */
    struct key *key;     /* of the account */
    char kid[512];
    char nonce[512];
    char problem[64]; /* type of the last refusal, "" if there was none */
    uint64_t serial;  /* of its names */
    struct issue_times times[ISSUE_STEP_COUNT];
    struct issue_counts counts; /* since the warm-up */
};

struct issue_answer {
    struct issue_response http;
    const struct json *json; /* NULL if the body is none */
};

/* The thread of a client. */
void *issue_client_main(void *client);

/* Read the directory into the run. */
MUST_CHECK enum err issue_client_directory(struct issue_run *run, struct err_info *why);

/* Note that a step took from `begun_us` (monotonic) until now, if it is measured. */
void issue_client_time(struct issue_client *c, enum issue_step step, int64_t begun_us);

/* A signed POST, again with a new nonce if the server does not like the first;
 * ERR_REFUSED for a problem, whose type is then in `problem`. */
MUST_CHECK enum err issue_client_post(struct issue_client *c, const char *url,
                                      const char *payload, struct issue_answer *answer,
                                      struct err_info *why);

/* ---- issue_flow.c ---- */

/* One order from the new key to the verified certificate. */
MUST_CHECK enum err issue_flow_do(struct issue_client *c, struct err_info *why);

/* ---- issue_process.c: what the server's processes used ---- */

#define ISSUE_PROCESSES_MAX 64

struct issue_process {
    int pid;
    int parent;
    char name[32];  /* its role, or its program */
    uint64_t ticks; /* of CPU, user and kernel */
    long rss_kib;
    long pss_kib; /* what is shared, by equal shares; -1: the kernel does not say */
};

struct issue_usage {
    struct issue_process list[ISSUE_PROCESSES_MAX];
    size_t count;
    uint64_t core_busy; /* ticks of the server's core that were not idle, whoever's */
    uint64_t core_all;
};

/* Look at the processes with these ids and everything below them, and at a core (-1:
 * none). */
void issue_process_read(const struct cli_list *roots, int64_t core,
                        struct issue_usage *usage);

/* CPU milliseconds that process `index` of `after` used since `before`. */
double issue_process_cpu_ms(const struct issue_usage *before,
                            const struct issue_usage *after, size_t index);

/* ---- issue_report.c ---- */

struct issue_result {
    double seconds;
    struct issue_counts counts;
    struct issue_times times[ISSUE_STEP_COUNT];
    struct issue_usage before;
    struct issue_usage after;
};

/* Add up what the clients noted. */
void issue_report_gather(const struct issue_client *clients, size_t count,
                         struct issue_result *r);

/* On standard output, as a table or as one JSON object. */
void issue_report_text(const struct issue_options *o, const struct issue_result *r);
void issue_report_json(const struct issue_options *o, const struct issue_result *r);
