/* What answers on a port: one file for each protocol, one row in listener.c. There is one
 * of each in the process. */
#pragma once

#include "client/solve/listener_counts.h"
#include "core/acme/identifier.h"
#include "core/base/err.h"

#define LISTENER_CONNECTIONS_MAX 200
#define LISTENER_CLOSE_WAIT_MS   200
#define LISTENER_SOCKETS_MAX     8

/* What is to be answered; texts live as long as the call. */
struct listener_answer {
    struct identifier identifier;
    const char *token;
    const char *key_authorization;
};

/* Answer on a listening socket, which is then owned; nothing is known yet. `way` says how
 * ("", "splice:..." as splice_read takes it). Not again before the end. */
MUST_CHECK enum err listener_http_begin(int socket, const char *way,
                                        struct err_info *why);
MUST_CHECK enum err listener_tls_begin(int socket, const char *way, struct err_info *why);

/* One more socket for the one that is begun next. ERR_TOO_LARGE: more than
 * LISTENER_SOCKETS_MAX. */
MUST_CHECK enum err listener_tls_more(int socket, struct err_info *why);

/* One more challenge. ERR_TOO_LARGE: more than SOLVE_TOKENS_MAX; ERR_CRYPTO. */
MUST_CHECK enum err listener_http_add(const struct listener_answer *answer,
                                      struct err_info *why);
MUST_CHECK enum err listener_tls_add(const struct listener_answer *answer,
                                     struct err_info *why);

/* Forget that one (without its token); one that is not known is fine. */
void listener_http_remove(const struct listener_answer *answer);
void listener_tls_remove(const struct listener_answer *answer);

/* How it went so far. */
void listener_tls_count(struct listener_counts *counts);

/* Close the sockets and forget everything; also if it was not begun. */
void listener_http_end(void);
void listener_tls_end(void);
