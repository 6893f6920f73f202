/* Processes with few rights. */
#include "client/proc/child.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "client/proc/rights.h"
#include "client/proc/wire.h"
#include "client/report/report.h"
#include "core/base/secret.h"
#include "core/base/text.h"
#include "core/jail/jail.h"

#define NOBODY       65534 /* user and group, as on every Linux */
#define OWN_FD       3     /* the child's end of the socket */
#define FILES_MAX    65536 /* descriptors of a listener */
#define LET_GO_MS    5     /* between two looks at a child that is let go */
#define LET_GO_TIMES 40
#define FAILED       70 /* exit code of a child that could not be locked in */

#define CLIENT_GROUPS (JAIL_BASE | JAIL_FILE | JAIL_CHANNEL | JAIL_LOOP)
#define COUNT(list)   (sizeof(list) / sizeof(list)[0])

/* What name look-ups, OpenSSL and its root certificates need. */
#define SYSTEM_FOLDERS                                                                   \
    {.path = "/etc", .optional = true}, {.path = "/usr", .optional = true},              \
        {.path = "/lib", .optional = true}, {.path = "/lib64", .optional = true},        \
        {.path = "/run", .optional = true},                                              \
    {                                                                                    \
        .path = "/proc/self", .optional = true                                           \
    }

static const struct jail_path for_strangers[] = {SYSTEM_FOLDERS,
                                                 {.path = "/dev", .optional = true}};
static const struct jail_path for_devices[] = {
    SYSTEM_FOLDERS, {.path = "/dev", .access = JAIL_UPDATE, .optional = true}};

static const struct jail_plan plans[] = {
    /* the resolver of the C library may ask a service by a socket in /run */
    [CHILD_STRANGER] = {.groups = CLIENT_GROUPS | JAIL_REACH,
                        .sockets = JAIL_SOCKETS_ALL,
                        .paths = for_strangers,
                        .path_count = COUNT(for_strangers),
                        .silent = true},
    [CHILD_LISTENER] = {.groups = CLIENT_GROUPS | JAIL_SERVE | JAIL_REACH,
                        .sockets = JAIL_SOCKETS_INTERNET,
                        .paths = for_strangers,
                        .path_count = COUNT(for_strangers),
                        .silent = true},
    [CHILD_DEVICE] = {.groups = CLIENT_GROUPS | JAIL_REACH,
                      .sockets = JAIL_SOCKETS_ALL,
                      .paths = for_devices,
                      .path_count = COUNT(for_devices),
                      .silent = true},
    /* code of others, which keeps its state in files */
    [CHILD_MODULE] = {.groups = CLIENT_GROUPS | JAIL_REACH | JAIL_STORE,
                      .sockets = JAIL_SOCKETS_ALL,
                      .all_files = true,
                      .silent = true},
};

/* A user namespace that maps root alone (unshare -r) has no nobody to be, and its root
 * has no right outside: EINVAL. */
static bool leave_root(void)
{
    if (geteuid() != 0)
        return true;
    if (setresgid(NOBODY, NOBODY, NOBODY) != 0)
        return errno == EINVAL;
    return setgroups(0, NULL) == 0 && setresuid(NOBODY, NOBODY, NOBODY) == 0;
}

/* A runner keeps all rights, as what it starts may need them. Who uses a device stays
 * root's user, who may do that, without root's rights. */
static bool give_up(enum child_kind kind)
{
    bool stranger = kind == CHILD_STRANGER || kind == CHILD_LISTENER;

    return kind == CHILD_RUNNER ||
           (stranger ? leave_root() : rights_keep(1U << CAP_DAC_OVERRIDE));
}

static bool enter_jail(enum child_kind kind)
{
    struct err_info why = {0};

    if (kind != CHILD_RUNNER)
        return jail_enter(&plans[kind], &why) == ERR_OK;
    secret_protect_process();
    return true;
}

/* A listener may have many connections, and cannot ask for more in its jail. */
static void take_more_files(enum child_kind kind)
{
    struct rlimit limit;

    if (kind != CHILD_LISTENER || getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max < FILES_MAX ? limit.rlim_max : FILES_MAX;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

/* The order matters: changing user resets the signal for the parent's death. */
static int lock_in(enum child_kind kind, int fd, pid_t parent, int (*run)(int fd))
{
    if (fd != OWN_FD && dup3(fd, OWN_FD, O_CLOEXEC) != OWN_FD)
        return FAILED;
    if (close_range(OWN_FD + 1, ~0U, 0) != 0 || chdir("/") != 0)
        return FAILED;
    report_log_forget();
    take_more_files(kind);
    if (!give_up(kind))
        return FAILED;
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent)
        return FAILED;
    if (!enter_jail(kind))
        return FAILED;
    return run(OWN_FD);
}

enum err child_fork(enum child_kind kind, int (*run)(int fd), int fd, pid_t *pid,
                    struct err_info *why)
{
    pid_t parent = getpid();

    *pid = fork();
    if (*pid < 0)
        return err_set_os(why, ERR_INTERNAL, errno, "cannot start a process");
    if (*pid == 0)
        _exit(lock_in(kind, fd, parent, run));
    return ERR_OK;
}

enum err child_start(enum child_kind kind, int (*run)(int fd), struct child *c,
                     struct err_info *why)
{
    int ends[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        return err_set_os(why, ERR_INTERNAL, errno, "cannot make a socket");
    enum err result = child_fork(kind, run, ends[1], &c->pid, why);
    (void)close(ends[1]);
    c->fd = ends[0];
    if (result != ERR_OK) {
        (void)close(ends[0]);
        c->pid = 0;
    }
    return result;
}

void child_ignore_signals(void)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    const struct sigaction ignored = {.sa_handler = SIG_IGN};

    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        (void)sigaction(numbers[i], &ignored, NULL);
}

void child_stay(void)
{
    child_ignore_signals();
    (void)prctl(PR_SET_PDEATHSIG, 0);
}

void child_let_go(pid_t pid)
{
    const struct timespec a_moment = {.tv_nsec = LET_GO_MS * 1000000L};

    (void)kill(pid, SIGTERM);
    for (int i = 0; i < LET_GO_TIMES; i++) {
        if (waitpid(pid, NULL, WNOHANG) != 0)
            break;
        (void)nanosleep(&a_moment, NULL);
    }
}

void child_kill(pid_t pid)
{
    (void)kill(pid, SIGKILL);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        continue;
}

/* ---- by the runner ---- */

enum err child_start_by(int starter, size_t which, struct child *c, struct err_info *why)
{
    AUTO(arena) struct arena *a = arena_new();
    const struct wire_message m = {
        WIRE_START, {span_of(arena_printf(a, "%zu", which))}, 1};
    struct wire_message back;
    uint64_t pid = 0;
    int ends[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        return err_set_os(why, ERR_INTERNAL, errno, "cannot make a socket");
    enum err result = wire_send_descriptor(starter, &m, ends[1], why);
    (void)close(ends[1]);
    if (result == ERR_OK)
        result = wire_receive_on(a, starter, &back, NULL, why);
    if (result == ERR_OK && back.type != WIRE_ANSWER)
        result = wire_failure(&back, why);
    if (result == ERR_OK && !text_number(back.fields[0], INT32_MAX, &pid))
        result = err_set(why, ERR_PROTOCOL, "a message between processes is malformed");
    if (result == ERR_OK)
        *c = (struct child){.pid = (pid_t)pid, .fd = ends[0], .starter = starter};
    else
        (void)close(ends[0]);
    return result;
}

static void stop(struct child *c, bool gently)
{
    AUTO(arena) struct arena *a = arena_new();
    const struct wire_message m = {
        WIRE_STOP,
        {span_of(arena_printf(a, "%d", (int)c->pid)), span_of(gently ? "gently" : "")},
        2};
    struct wire_message back;
    struct err_info ignored = {0};

    if (c->pid == 0)
        return;
    (void)close(c->fd); /* which ends a runner, too, where nobody may be killed */
    if (c->starter == 0 && gently)
        child_let_go(c->pid);
    else if (c->starter == 0)
        child_kill(c->pid);
    else if (wire_send(c->starter, &m, &ignored) == ERR_OK) /* else it is gone, and all
                                                               of its children are */
        (void)!wire_receive_on(a, c->starter, &back, NULL, &ignored);
    c->pid = 0;
}

void child_end(struct child *c)
{
    stop(c, false);
}

void child_end_gently(struct child *c)
{
    stop(c, true);
}
