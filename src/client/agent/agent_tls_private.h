/* Between agent_tls.c (sockets and listener) and agent_tls_askers.c (what is answered).
 */
#pragma once

#include "client/agent/agent_tls.h"
#include "client/proc/agent_line.h"
#include "client/proc/child.h"
#include "client/solve/listener_counts.h"
#include "core/net/address.h"

#define AGENT_TLS_SOCKETS 8
#define AGENT_TLS_PROOFS  1000
#define AGENT_TLS_DRAINS  16 /* listeners that were replaced, and end by themselves */

/* Somebody who has something answered. */
struct agent_tls_asker {
    int fd; /* -1: free */
    size_t len;
    char line[AGENT_LINE_MAX + 1];
};

/* What is answered, or will be when all of its order is there. */
struct agent_tls_proof {
    size_t asker;
    bool is_taken;           /* the listener knows */
    char *identifier;        /* owned */
    char *key_authorization; /* owned */
};

struct agent_tls_socket {
    struct address at;
    int fd;
};

struct agent_tls {
    struct agent_tls_socket sockets[AGENT_TLS_SOCKETS];
    size_t socket_count; /* 0: nothing is held */
    bool by_systemd;     /* the sockets stay */
    char way[ADDRESS_TEXT_SIZE + 32];
    struct child listener;
    int64_t starts;
    int64_t started_us;
    int64_t look_us;              /* when it is looked at again */
    struct listener_counts ended; /* of listeners that are gone */
    struct listener_counts now;   /* of the one that runs */
    bool is_down;                 /* the server behind was told to be away */
    pid_t drains[AGENT_TLS_DRAINS];
    struct agent_tls_asker askers[AGENT_TLS_ASKERS];
    struct agent_tls_proof proofs[AGENT_TLS_PROOFS];
    size_t proof_count;
};

/* Tell the listener of one proof that it is to answer, or not any more. ERR_IO,
 * ERR_TIMEOUT: it is of no use any more. */
MUST_CHECK enum err agent_tls_tell(struct agent_tls *t, const struct agent_tls_proof *p,
                                   bool answer, struct err_info *why);

/* Hear those who ask. */
void agent_tls_hear(struct agent_tls *t);
