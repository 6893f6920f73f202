/* The port that the agent holds for good (agent.tls): a listener process answers
 * tls-alpn-01 there and passes all else on (solve/listener.h). The sockets are the
 * agent's, so no connection is lost that waits while the listener is started again; what
 * is to be answered is the agent's, too, as told by workers and by whoever runs cairn by
 * hand (solve/agent_door.h). */
#pragma once

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/settings/settings.h"
#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/json/json_write.h"

#define AGENT_TLS_ASKERS     128  /* who has something answered, at a time */
#define AGENT_TLS_LOOK_MS    1000 /* between two looks at how it goes */
#define AGENT_TLS_POLLED_MAX (AGENT_TLS_ASKERS + 1)

struct agent_tls;

/* Holds nothing yet. Free with agent_tls_end. */
struct agent_tls *agent_tls_new(void);

/* Do as the settings say: hold their ports, or none. What is held and passed on already
 * goes on if only the server behind is another one. If it fails all is as it was before.
 * ERR_CONFIG, ERR_NETWORK, ERR_UNAUTHORIZED; ERR_INTERNAL. */
MUST_CHECK enum err agent_tls_set(struct agent_tls *t, const struct settings *settings,
                                  struct err_info *why);

/* Is the port one of ours? */
bool agent_tls_holds(const struct agent_tls *t, int64_t port);

/* Somebody wants answers there: takes over the line, which gets its first answer. */
void agent_tls_take(struct agent_tls *t, int fd);

/* What is to be polled, AGENT_TLS_POLLED_MAX at most; returns how many. */
size_t agent_tls_poll(const struct agent_tls *t, struct pollfd *polled);

/* Milliseconds until something is to be done by itself, -1: nothing. */
int64_t agent_tls_pause_ms(const struct agent_tls *t);

/* After a poll: hear who asks, start a listener again that has ended, look how it goes.
 * True if numbers have changed. */
bool agent_tls_serve(struct agent_tls *t);

/* Append what monitoring is to know, nothing if no port is held. */
void agent_tls_metrics(const struct agent_tls *t, struct buf *b);

/* The member "tls" of the status, if a port is held. */
void agent_tls_status(const struct agent_tls *t, struct json_writer *w);

/* In a process that was forked: close what is the agent's. */
void agent_tls_close(struct agent_tls *t);

/* Hold nothing any more; connections that are passed on end by themselves. NULL is fine.
 */
void agent_tls_end(struct agent_tls *t);
