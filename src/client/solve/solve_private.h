/* One file for each challenge type (solvers.def), and what they share. */
#pragma once

#include "client/solve/solve.h"
#include "core/base/arena.h"

#define SOLVE_TOKENS_MAX 1000 /* of one order */

/* One type, opened for one order. What its file's open function fills in is `description`
 * and the functions; `close` as soon as there is something to take away, for it is called
 * also if opening fails. */
struct solver {
    struct arena *arena;
    const struct solve_options *options;
    const char *description; /* a phrase for the user: "answering on port 80" */
    enum err (*present)(struct solver *s, const struct solve_task *task,
                        struct err_info *why);
    enum err (*ready)(struct solver *s, struct err_info *why); /* NULL: at once */
    /* after ready failed: was it because of that one? NULL: of any */
    bool (*blames)(struct solver *s, const struct identifier *name, bool wildcard);
    void (*close)(struct solver *s); /* NULL: nothing to do */
    void *state;                     /* in the arena */
};

#define SOLVER(type, open)                                                               \
    MUST_CHECK enum err open(struct solver *s, struct err_info *why);
#include "client/solve/solvers.def"
#undef SOLVER

/* http-01: put files below the folder (http_webroot.c). ERR_USAGE, ERR_IO. */
MUST_CHECK enum err http_webroot_open(struct solver *s, const char *folder,
                                      const char *below, struct err_info *why);

/* http-01: have a web server that runs answer (http_web.c): "nginx", "apache", or either
 * with ":FILE", its main configuration file. ERR_CONFIG, ERR_NOT_FOUND, ERR_IO. */
MUST_CHECK enum err http_web_open(struct solver *s, const char *way,
                                  struct err_info *why);

/* http-01: have a program put the answers where they are found (http_hook.c), told as
 * certbot tells its manual hooks or uacme its hook. ERR_USAGE, ERR_VALIDATION. */
MUST_CHECK enum err http_hook_open(struct solver *s, const char *program, bool is_uacme,
                                   struct err_info *why);

/* http-01: leave it to a web server that has the thumbprint of the account's key in its
 * configuration (http_stateless.c); what is to be there is told. */
MUST_CHECK enum err http_stateless_open(struct solver *s, struct err_info *why);
