/* Answering on a port of our own: the socket is made by the runner, who has the right to
 * low ports, and handed to the process that answers (listener.h). */
#pragma once

#include "client/solve/solve_private.h"

/* What kind of listener, and what to do if it cannot be. */
struct standalone {
    enum challenge_type type;
    int64_t port;
    const char *way; /* "" or what the listener is to do with other connections */
    const char *if_forbidden; /* phrases that end a sentence */
    const char *if_in_use;
};

/* Open a solver that answers so, on every address. ERR_UNAUTHORIZED if only root may,
 * ERR_NETWORK if the port cannot be listened on: who has it, if that can be seen. */
MUST_CHECK enum err standalone_open(struct solver *s, const struct standalone *how,
                                    struct err_info *why);
