/* Starts the other processes, starts them again when they die, and holds nothing else.
 *
 * Children are this program executed anew, `PROGRAM --role NAME ARGUMENTS...`, so that
 * they begin with clean memory and their own addresses. They find their sockets at fixed
 * numbers. They ignore SIGTERM, SIGINT and SIGHUP (those are the supervisor's); they end
 * when told by DRAIN or when the control socket closes, and are killed by the kernel when
 * the supervisor dies. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/arena.h"
#include "core/base/err.h"
#include "server/proc/ipc.h"

#define SUPERVISOR_CONTROL_FD       3 /* in every child: to the supervisor */
#define SUPERVISOR_FRONT_FD         4 /* in all but the hub: to the hub */
#define SUPERVISOR_VALIDATOR_FD     4 /* in the hub: to the validator */
#define SUPERVISOR_SIGNER_FD        5 /* in the front: to the signer */
#define SUPERVISOR_RELAY_FD         6 /* in the front: to the relay, if that runs */
#define SUPERVISOR_SETTINGS_FD      7 /* in every child: the text of the configuration */
#define SUPERVISOR_SETTINGS_MAX     (8 * 1024 * 1024) /* octets of that text */
#define SUPERVISOR_ROLES_MAX        4U
#define SUPERVISOR_LISTENERS_MAX    129U
#define SUPERVISOR_BACKOFF_FIRST_MS 100   /* wait before a child is started again */
#define SUPERVISOR_BACKOFF_LAST_MS  10000 /* doubled up to this */
#define SUPERVISOR_HEALTHY_MS       60000 /* a life this long forgets earlier deaths */
#define SUPERVISOR_DRAIN_MS         30000 /* for requests in flight */
#define SUPERVISOR_STOP_MS          2000 /* between closing the control socket and SIGKILL */
#define SUPERVISOR_RELOAD_MS        10000 /* for the answers to RELOAD */

/* What is in force from a reload on. */
struct supervisor_fresh {
    int settings_fd;     /* the text, the supervisor's from then on; -1: the one known */
    unsigned int asleep; /* as of struct supervisor_options; a role that runs goes on */
};

/* A listening socket the hub (the front or the door) gets by LISTENER each time it
 * starts. */
struct supervisor_listener {
    int fd;
    uint64_t kind; /* the front's business */
    const char *address;
};

struct supervisor_options {
    const enum ipc_role *roles; /* which children to run, in starting order */
    size_t role_count;
    unsigned int
        asleep; /* set of roles that are not started before a reload wants them */
    char *const *arguments; /* of every child behind `--role NAME`; NULL-terminated, or
                               NULL */
    const struct supervisor_listener *listeners;
    size_t listener_count;
    /* All children are ready for the first time; `url` is what the front said. */
    void (*ready)(const char *url, void *context);
    /* The text of the configuration, for every child that starts; owned from now on;
     * 0: an empty one. Children are started again with what was checked, whatever
     * lies on disk by then. */
    int settings_fd;
    /* SIGHUP: is the configuration on disk good? Then say what it comes to. On an error
     * the old one stays in force. NULL: a reload tells the children the text they know.
     */
    enum err (*reload_check)(void *context, struct supervisor_fresh *fresh,
                             struct err_info *why);
    /* The next segment of the audit log of a child that asks, an empty file; NULL: there
     * is none. */
    enum err (*audit_segment)(void *context, enum ipc_role role, uint64_t number, int *fd,
                              struct err_info *why);
    void *context;
    /* For tests; 0 means the constants above. */
    int64_t backoff_first_ms;
    int64_t backoff_last_ms;
    int64_t healthy_ms;
    int64_t drain_ms;
};

/* Run the house until SIGTERM or SIGINT; the caller has a single thread. Returns the exit
 * code: 0 after an orderly end, 1 when a child had to be killed or the start failed (a
 * line was logged). A child that ends by itself before all were ready ends the house: it
 * said why. Signals that arrive twice stop without waiting. */
int supervisor_run(const struct supervisor_options *options);

/* In a child: is the command line `PROGRAM --role NAME ...`? Then `*role` is set and the
 * remaining arguments begin at argv[3]. */
bool supervisor_is_child(int argc, char *const *argv, enum ipc_role *role);

/* In a child, first thing: check that the sockets are there and the supervisor lives.
 * ERR_USAGE if it was started by hand. */
MUST_CHECK enum err supervisor_child_begin(enum ipc_role role, struct err_info *why);

/* In the front, before it opens anything (the number is free otherwise): is there a
 * relay? */
bool supervisor_child_has_relay(void);

/* In a child: the text of the configuration, from SUPERVISOR_SETTINGS_FD or from what
 * RELOAD brought (which stays the caller's). In the arena. ERR_IO, ERR_TOO_LARGE. */
MUST_CHECK enum err supervisor_settings_text(struct arena *a, int fd, struct span *text,
                                             struct err_info *why);
