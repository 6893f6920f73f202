/* What the parts of the supervisor share: its children, their links, its clock. */
#pragma once

#include <signal.h>
#include <sys/types.h>

#include "core/base/arena.h"
#include "server/proc/ipc_channel.h"
#include "server/proc/supervisor.h"

#define SUPERVISOR_LINKS 3U
#define SUPERVISOR_NEVER INT64_MAX

struct supervisor;

struct supervisor_child {
    struct supervisor *house;
    enum ipc_role role;
    pid_t pid; /* 0: not running */
    struct ipc_channel *control;
    int64_t started_ms;
    int64_t start_due_ms; /* SUPERVISOR_NEVER: not planned */
    int64_t backoff_ms;   /* the next wait */
    bool asleep;          /* not to be started yet */
    bool ready;
    bool reload_pending;
    bool leaves; /* it said that it ends, to begin anew with other settings */
};

/* A way between the hub and another. An end that its owner has not taken yet waits
 * here; -1: none. */
struct supervisor_link {
    enum ipc_role other;
    int hub_spare, other_spare;
};

enum supervisor_stage {
    SUPERVISOR_SERVING,
    SUPERVISOR_DRAINING, /* the front finishes */
    SUPERVISOR_STOPPING, /* control sockets are closed */
    SUPERVISOR_KILLING,  /* SIGKILL is sent */
};

struct supervisor {
    const struct supervisor_options *options;
    struct arena *arena;
    const char *url; /* what the front said first */
    struct supervisor_child children[SUPERVISOR_ROLES_MAX];
    size_t child_count;
    struct supervisor_link links[SUPERVISOR_LINKS];
    int signals;     /* signalfd(2) */
    int settings_fd; /* the text in force */
    enum supervisor_stage stage;
    int64_t stage_due_ms;
    bool announced; /* `ready` was called */
    bool failed;    /* the exit code is 1 */
    uint64_t generation;
    bool hub_waits;        /* for the others, before it is told of a reload */
    int64_t reload_due_ms; /* SUPERVISOR_NEVER: no answer is awaited */
    int64_t watchdog_ms;   /* half of what the service manager allows; 0: not asked */
    int64_t watchdog_due_ms;
    uint64_t ping;
};

/* Monotonic milliseconds. */
int64_t supervisor_now_ms(void);

/* The front or the door: the first one that listens to others. */
struct supervisor_child *supervisor_hub(struct supervisor *s);

/* The child of a role; NULL if it is not among the options. */
struct supervisor_child *supervisor_child_of(struct supervisor *s, enum ipc_role role);

/* Start a child: make its links, tell the survivors, fork, execute. ERR_IO. */
MUST_CHECK enum err supervisor_spawn(struct supervisor_child *child,
                                     struct err_info *why);

/* Close what the links keep. */
void supervisor_links_close(struct supervisor *s);

/* The handler of every control channel. */
enum err supervisor_on_message(struct ipc_channel *c, struct ipc_message *m,
                               void *context, struct err_info *why);

/* SIGHUP: check the configuration, then tell every child. What keeps it from that is
 * logged and returned. */
enum err supervisor_reload(struct supervisor *s, struct err_info *why);

/* One child fewer to wait for; tells the service manager when it was the last. */
void supervisor_reload_answered(struct supervisor_child *child);

/* The answers took too long. */
void supervisor_reload_expired(struct supervisor *s);

/* Ping the front; its answer feeds the watchdog. */
void supervisor_ping(struct supervisor *s);
