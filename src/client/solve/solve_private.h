/* One file for each way to answer; solve.c chooses. */
#pragma once

#include "client/solve/solve.h"
#include "core/base/arena.h"

#define SOLVE_TOKENS_MAX 1000 /* of one order */

struct solver {
    struct arena *arena;
    enum challenge_type type;
    const char *description;
    enum err (*add)(struct solver *s, const char *token, const char *key_authorization,
                    struct err_info *why);
    void (*close)(struct solver *s);
    void *state; /* in the arena */
};

/* Have the process at that socket listen on the port (http_standalone.c). ERR_NETWORK. */
MUST_CHECK enum err http_standalone_open(struct solver *s, int process, int64_t port,
                                         struct err_info *why);
/* Put files below the folder (http_webroot.c). ERR_USAGE, ERR_IO. */
MUST_CHECK enum err http_webroot_open(struct solver *s, const char *folder,
                                      struct err_info *why);
