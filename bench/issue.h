/* bench/issue: clients that drive complete ACME flows, and the world they need. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/base/arena.h"
#include "core/base/buf.h"
#include "core/base/err.h"
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

struct issue_options {
    const char *directory;
    const char *ca_file;
    int64_t clients;
    int64_t seconds;
    int64_t warmup;
    int64_t certificates; /* stop after so many; 0: by time */
    int64_t http_port;
    int64_t dns_port;
    bool only_nonces;
    bool json;
};

/* Times of one step in microseconds. */
struct issue_times {
    uint32_t *us;
    size_t count;
    size_t room;
};

/* ---- issue_world.c: DNS stub and http-01 responder, a thread each ---- */

struct issue_world;

/* Start both on 127.0.0.1; ERR_NETWORK. They run until the process ends. */
MUST_CHECK enum err issue_world_start(int64_t http_port, int64_t dns_port,
                                      struct issue_world **world, struct err_info *why);

/* Answer a token from now on; the texts are copied. Any thread. */
void issue_world_answer(struct issue_world *w, const char *token,
                        const char *key_authorization);

/* Forget it. */
void issue_world_forget(struct issue_world *w, const char *token);

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
    const char *retry_after;
    struct span body;
};

/* Do one request; connects when there is no connection. In the arena. ERR_NETWORK. */
MUST_CHECK enum err issue_http_do(struct issue_connection *c, struct arena *a,
                                  const char *method, const char *path, struct span body,
                                  struct issue_response *response, struct err_info *why);
void issue_http_close(struct issue_connection *c);

/* ---- issue_client.c: one subscriber ---- */

struct issue_run;

struct issue_client {
    struct issue_run *run;
    int index;
    pthread_t thread;
    struct issue_connection connection;
    struct arena *arena; /* of one flow */
    struct arena *life;  /* of the client */
    struct key *key;
    char kid[512];
    char nonce[512];
    uint64_t serial; /* of its names */
    struct issue_times times[ISSUE_STEP_COUNT];
    uint64_t certificates; /* since the warm-up */
    uint64_t errors;
    uint64_t bad_nonces;
    uint64_t polls;
    char last_error[ERR_DETAIL_MAX];
};

struct issue_run {
    struct issue_options options;
    struct issue_world *world;
    struct tls_context *tls_context;
    const char *host;
    uint16_t port;
    const char *directory_path;
    char *new_nonce;
    char *new_account;
    char *new_order;
    atomic_bool measuring;
    atomic_bool stopping;
    atomic_long left; /* certificates still to be made, when counted */
    uint32_t salt;    /* makes the names of this run new */
};

/* The thread of a client. */
void *issue_client_main(void *client);

/* Read the directory into the run. */
MUST_CHECK enum err issue_client_directory(struct issue_run *run, struct err_info *why);

void issue_client_time(struct issue_client *c, enum issue_step step, int64_t begun_us);
