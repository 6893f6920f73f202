/* Running programs: hooks, commands of deployments, providers of DNS records, tests of
 * web servers. They are run by a process of their own, the runner, forked before a key is
 * in memory; nobody else of cairn starts programs. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/arena.h"
#include "core/base/err.h"
#include "core/base/span.h"

#define RUN_ARGUMENTS_MAX   256
#define RUN_ENVIRONMENT_MAX 128
#define RUN_OUTPUT_MAX                                                                   \
    (256 * 1024) /* octets kept of each of the two outputs: the last ones */

#define RUN_TIMEOUT_MS 300000 /* where the request has none */

enum run_rights {
    RUN_AS_WE_ARE, /* the rights of who runs cairn: what the administrator wrote for this
                      purpose. What it leaves running when it ends well stays */
    RUN_CONFINED,  /* as another user if root runs cairn; reads system folders, writes its
                      own folder only (Landlock), sends no signals outside, gains no
                      rights, has limits; it may use the network. Nothing of it is left
                      when it has ended */
};

struct run_request {
    const char *const *arguments; /* the first is the program: an absolute path, or looked
                                     for in a fixed PATH; ends with NULL */
    const char *called;           /* in sentences; NULL: the first argument */
    const char *const *environment; /* NAME=VALUE; ends with NULL. Beside it the program
                                       gets PATH, LANG=C.UTF-8 and HOME, nothing else */
    const char *folder; /* it works in, and if confined may write to; NULL: /, and if
                           confined one made for it, which is removed afterwards (HOME and
                           TMPDIR are that one, too) */
    const char *user;   /* for RUN_CONFINED; NULL: nobody */
    const char *const *readable; /* what a confined one may read and run beside system
                                    folders and the program; ends with NULL; NULL: none */
    enum run_rights rights;
    struct span input;  /* its standard input; empty: /dev/null */
    int64_t timeout_ms; /* then it and all it started are ended; 0: RUN_TIMEOUT_MS */
};

struct run_result {
    int code; /* exit code, or 128 and the number of the signal that ended it */
    bool timed_out;
    struct span output; /* what it wrote, in the arena */
    struct span errors;
};

/* Run it and wait for its end; `runner` is the socket to the runner, which several
 * threads and processes may use at the same time: each program runs at once. Any end of
 * the program is ERR_OK: look at the result. ERR_NOT_FOUND if there is no such program or
 * it cannot be run, ERR_CONFIG for a user that does not exist, ERR_INTERRUPTED,
 * ERR_INTERNAL. A signal that came before does not keep it from being run, one that comes
 * later ends the program. */
MUST_CHECK enum err run_program(int runner, struct arena *a,
                                const struct run_request *request,
                                struct run_result *result, struct err_info *why);

/* As run_program, and an end other than exit code 0 is a failure with code `failure`, in
 * whose sentence stand `what` and the last line it wrote: to its standard error, else to
 * its output. */
MUST_CHECK enum err run_or_fail(int runner, struct arena *a,
                                const struct run_request *request, enum err failure,
                                const char *what, struct run_result *result,
                                struct err_info *why);

/* "NAME=VALUE" lines of a file with mode 0600, or of a systemd credential
 * ("credential:NAME"), as an environment; `#` begins a comment, "export " and quotes
 * around the value are taken off. Nothing is evaluated. `what` is the option that names
 * it, and begins the sentence of a failure: ERR_CONFIG. The caller wipes what it does not
 * need any more. */
MUST_CHECK enum err run_read_environment(struct arena *a, const char *what,
                                         const char *file,
                                         const char *const **environment,
                                         struct err_info *why);

/* The last line of what a program wrote that is not empty, safe to print; "" if there is
 * none. */
const char *run_last_line(struct arena *a, struct span output);

/* The runner: obeys RUN calls until `fd` is closed. Returns an exit code. */
int runner_run(int fd);
