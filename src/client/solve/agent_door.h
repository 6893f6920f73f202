/* Answering on a port that the agent holds for good: it is told what to answer, and
 * forgets that when it is asked to, or when who told it is gone. */
#pragma once

#include "client/solve/solve_private.h"

/* Open a solver of tls-alpn-01 that has the agent answer, if one runs and holds the port;
 * else `*found` is false, and the solver is as it was. ERR_INTERRUPTED. */
MUST_CHECK enum err agent_door_open(struct solver *s, int64_t port, bool *found,
                                    struct err_info *why);
