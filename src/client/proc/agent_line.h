/* The line to the agent that runs: its control socket, one line of JSON for a question
 * and one for an answer (agent/agent_control.h is the other end). */
#pragma once

#include <sys/un.h>

#include "core/base/arena.h"
#include "core/base/err.h"
#include "core/base/span.h"
#include "core/json/json_read.h"

#define AGENT_LINE_SOCKET                                                                \
    "agent.socket"              /* in the state folder, unless agent.socket says */
#define AGENT_LINE_MAX     4096 /* octets of a question, or of a short answer */
#define AGENT_LINE_WAIT_MS 20000

/* The path as the kernel takes it. ERR_CONFIG if it is too long for a socket. */
MUST_CHECK enum err agent_line_address(const char *path, struct sockaddr_un *to,
                                       struct err_info *why);

/* Connect to the agent at the path. ERR_UNAVAILABLE if none runs; ERR_UNAUTHORIZED;
 * ERR_CONFIG, ERR_IO. The descriptor is the caller's. */
MUST_CHECK enum err agent_line_reach(const char *path, int *fd, struct err_info *why);

/* Ask (the question ends with '\n') and read one line, for AGENT_LINE_WAIT_MS at most;
 * the line stays open. What the answer tells of fails as agent_line_failure does; ERR_IO
 * if the agent went away; ERR_TIMEOUT, ERR_INTERRUPTED. */
MUST_CHECK enum err agent_line_ask(struct arena *a, int fd, struct span question,
                                   const struct json **answer, struct err_info *why);

/* The failure that an answer tells of ("error", "detail"), recorded in `why`; ERR_OK if
 * it tells of none. */
MUST_CHECK enum err agent_line_failure(const struct json *answer, struct err_info *why);
