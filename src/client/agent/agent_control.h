/* The control socket of the agent: whoever may read the state folder asks, one line of
 * JSON, and gets one line of JSON. */
#pragma once

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>

#include "client/proc/agent_line.h"
#include "core/base/arena.h"
#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/base/span.h"
#include "core/json/json_read.h"

#define AGENT_CONTROL_CLIENTS    32
#define AGENT_CONTROL_REQUEST    AGENT_LINE_MAX     /* octets of a question */
#define AGENT_CONTROL_ANSWER_MAX (16 * 1024 * 1024) /* octets of an answer */
#define AGENT_CONTROL_WAIT_S     10 /* for a question that was begun, or an answer taken */

struct agent_control_client {
    int fd; /* -1: free */
    bool asked;
    int64_t end_us; /* when its question must be there */
    size_t len;
    char question[AGENT_CONTROL_REQUEST + 1];
};

struct agent_control {
    char *path; /* owned */
    int listener;
    struct agent_control_client clients[AGENT_CONTROL_CLIENTS];
};

/* Listen on the path, for the user who runs this and root only. ERR_LOCKED if another
 * agent answers there; what one that was killed left behind is replaced. ERR_CONFIG if
 * the path is too long, ERR_IO. To be ended with agent_control_end. */
MUST_CHECK enum err agent_control_begin(const char *path, struct agent_control **control,
                                        struct err_info *why);

/* Let go of everybody, and remove the socket. NULL is fine. */
void agent_control_end(struct agent_control *control);

/* In a process that was forked: close what is the agent's. */
void agent_control_close(struct agent_control *control);

/* What is to be polled; returns how many, AGENT_CONTROL_CLIENTS + 1 at most. */
size_t agent_control_poll(const struct agent_control *control, struct pollfd *polled);

/* After a poll: take new clients and what they say. For each question that is complete
 * `answer` is called with the number of the client, who gets agent_control_answer now or
 * later. */
void agent_control_serve(struct agent_control *control,
                         void (*answer)(void *context, size_t client,
                                        const struct json *question),
                         void *context);

/* Answer a client's question, and let it go. One that is gone is fine. */
void agent_control_answer(struct agent_control *control, size_t client,
                          struct span answer);

/* Its line stays open: the descriptor is the caller's, who answers. */
int agent_control_keep(struct agent_control *control, size_t client);

/* The other end: ask the agent at the path, and wait for its answer for as long as it
 * takes. ERR_UNAVAILABLE if none runs; ERR_UNAUTHORIZED; ERR_IO if it went away;
 * ERR_INTERRUPTED. */
MUST_CHECK enum err agent_control_ask(struct arena *a, const char *path,
                                      struct span question, const struct json **answer,
                                      struct span *text, struct err_info *why);
