/* Starting one child: links, fork, execution of this program anew. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/log.h"
#include "core/base/memory.h"
#include "server/proc/supervisor_private.h"

#define FD_FIRST       SUPERVISOR_CONTROL_FD
#define FD_COUNT       (SUPERVISOR_LINKS + 2U)
#define FD_SAFE        16 /* numbers from here are in nobody's way */
#define EXIT_NOT_BEGUN 127

void supervisor_links_close(struct supervisor *s)
{
    for (size_t i = 0; i < SUPERVISOR_LINKS; i++) {
        if (s->links[i].hub_spare >= 0)
            (void)close(s->links[i].hub_spare);
        if (s->links[i].other_spare >= 0)
            (void)close(s->links[i].other_spare);
        s->links[i].hub_spare = -1;
        s->links[i].other_spare = -1;
    }
}

/* Hand the end of a new link to the one that is running, or keep it until it starts. */
static void give_or_keep(struct supervisor *s, enum ipc_role to, enum ipc_role from,
                         int fd, int *spare)
{
    const struct supervisor_child *other = supervisor_child_of(s, to);
    const struct message_peer m = {.role = (uint64_t)from, .fd = fd};
    struct err_info why = {0};

    if (*spare >= 0)
        (void)close(*spare);
    *spare = -1;
    if (other == NULL) {
        (void)close(fd);
        return;
    }
    if (other->pid == 0) {
        *spare = fd;
        return;
    }
    if (ipc_channel_send_peer(other->control, &m, &why) != ERR_OK)
        log_event(LOG_LEVEL_WARNING, "proc.peer_lost", "role=%s reason=" LOG_QUOTE,
                  ipc_role_name(to), why.detail);
    (void)close(fd);
}

/* The end of a link for `role`, which is starting. */
static enum err take_link(struct supervisor *s, struct supervisor_link *link,
                          enum ipc_role role, int *fd, struct err_info *why)
{
    bool hub = (role & IPC_HUB) != 0;
    int *own = hub ? &link->hub_spare : &link->other_spare;
    const struct supervisor_child *other =
        hub ? supervisor_child_of(s, link->other) : supervisor_hub(s);
    int pair[2];

    if (other == NULL || other->asleep)
        return ERR_OK; /* the number stays free */

    if (*own >= 0) {
        *fd = *own;
        *own = -1;
        return ERR_OK;
    }
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
        return err_set_os(why, ERR_IO, errno, "making a socket pair");
    *fd = pair[0];
    give_or_keep(s, other->role, role, pair[1],
                 hub ? &link->other_spare : &link->hub_spare);
    return ERR_OK;
}

/* In the child: descriptors to their numbers, everything else closed, signals as at
 * birth, and away. */
static _Noreturn void become(const int *fds, char *const *arguments, pid_t parent)
{
    const struct sigaction ignored = {.sa_handler = SIG_IGN};
    int safe[FD_COUNT];
    sigset_t none;

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(EXIT_NOT_BEGUN); /* it died before the line above */
    for (size_t i = 0; i < FD_COUNT; i++)
        safe[i] = fds[i] >= 0 ? fcntl(fds[i], F_DUPFD, FD_SAFE) : -1;
    for (size_t i = 0; i < FD_COUNT; i++) {
        int number = FD_FIRST + (int)i;
        if (safe[i] < 0)
            (void)close(number);
        else if (dup2(safe[i], number) < 0)
            _exit(EXIT_NOT_BEGUN);
    }
    if (close_range(FD_FIRST + FD_COUNT, ~0U, 0) != 0)
        _exit(EXIT_NOT_BEGUN);
    (void)sigaction(SIGTERM, &ignored, NULL);
    (void)sigaction(SIGINT, &ignored, NULL);
    (void)sigaction(SIGHUP, &ignored, NULL);
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)unsetenv("NOTIFY_SOCKET"); /* the supervisor alone speaks for the house */
    (void)unsetenv("WATCHDOG_USEC");
    (void)execv("/proc/self/exe", arguments);
    _exit(EXIT_NOT_BEGUN);
}

/* `PROGRAM --role NAME ARGUMENTS...`; free it, not the texts. */
static char **make_arguments(const struct supervisor_child *child)
{
    static char program[] = "cairn-ca";
    static char option[] = "--role";
    /* the texts are not written to; execv's prototype is older than const */
    union {
        const char *text;
        char *argument;
    } name = {ipc_role_name(child->role)};
    char *const *more = child->house->options->arguments;
    size_t count = 0;

    while (more != NULL && more[count] != NULL)
        count++;
    char **arguments = memory_get_zeroed(count + 4, sizeof *arguments);
    arguments[0] = program;
    arguments[1] = option;
    arguments[2] = name.argument;
    for (size_t i = 0; i < count; i++)
        arguments[3 + i] = more[i];
    return arguments;
}

static void send_listeners(struct supervisor_child *child)
{
    const struct supervisor_options *o = child->house->options;

    for (size_t i = 0; i < o->listener_count; i++) {
        const struct message_listener m = {.kind = o->listeners[i].kind,
                                           .left = o->listener_count - i - 1,
                                           .address = span_of(o->listeners[i].address),
                                           .fd = o->listeners[i].fd};
        struct err_info why = {0};
        if (ipc_channel_send_listener(child->control, &m, &why) != ERR_OK)
            log_event(LOG_LEVEL_ERROR, "proc.listener_lost", "reason=" LOG_QUOTE,
                      why.detail);
    }
}

static enum err start_process(struct supervisor_child *child, int *fds, int own_end,
                              struct err_info *why)
{
    char **arguments = make_arguments(child);
    pid_t parent = getpid();
    pid_t pid = fork();

    if (pid == 0)
        become(fds, arguments, parent);
    int os_error = errno;
    free(arguments);
    if (pid < 0) {
        (void)close(own_end);
        return err_set_os(why, ERR_IO, os_error, "starting the %s",
                          ipc_role_name(child->role));
    }
    child->pid = pid;
    child->control = ipc_channel_new(own_end, IPC_SUPERVISOR, child->role,
                                     supervisor_on_message, child);
    return ERR_OK;
}

enum err supervisor_spawn(struct supervisor_child *child, struct err_info *why)
{
    struct supervisor *s = child->house;
    int fds[FD_COUNT] = {-1, -1, -1, -1, -1};
    int pair[2];
    enum err result = ERR_OK;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
        return err_set_os(why, ERR_IO, errno, "making a socket pair");
    fds[0] = pair[1];
    fds[FD_COUNT - 1] = s->settings_fd;
    for (size_t i = 0; i < SUPERVISOR_LINKS && result == ERR_OK; i++) {
        bool hub = (child->role & IPC_HUB) != 0;
        if (hub || s->links[i].other == child->role)
            result = take_link(s, &s->links[i], child->role, &fds[hub ? 1 + i : 1], why);
    }
    if (result == ERR_OK)
        result = start_process(child, fds, pair[0], why);
    else
        (void)close(pair[0]);
    for (size_t i = 0; i < FD_COUNT - 1; i++) { /* the last one stays ours */
        if (fds[i] >= 0)
            (void)close(fds[i]);
    }
    if (result != ERR_OK)
        return result;
    child->ready = false;
    child->leaves = false;
    child->started_ms = supervisor_now_ms();
    child->start_due_ms = SUPERVISOR_NEVER;
    log_event(LOG_LEVEL_INFO, "proc.started", "role=%s pid=%ld",
              ipc_role_name(child->role), (long)child->pid);
    if ((child->role & IPC_HUB) != 0)
        send_listeners(child);
    return ERR_OK;
}
