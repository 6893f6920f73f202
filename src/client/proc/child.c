/* Processes with few rights. */
#include "client/proc/child.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "client/report/report.h"
#include "core/base/secret.h"
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

/* Root's user, who may use the device, without root's rights. What is not in the bounding
 * set cannot come back; a kernel may know fewer capabilities than CAP_LAST_CAP. */
static bool leave_rights(void)
{
    struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {0};

    if (geteuid() != 0)
        return true;
    for (unsigned long cap = 0; cap <= CAP_LAST_CAP; cap++)
        if (cap != CAP_DAC_OVERRIDE && prctl(PR_CAPBSET_READ, cap, 0, 0, 0) == 1 &&
            prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) != 0 && errno != EPERM)
            return false; /* EPERM: it had none of those rights to begin with */
    if (syscall(SYS_capget, &head, data) != 0)
        return false;
    for (size_t i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) {
        data[i].permitted &= i == 0 ? 1U << CAP_DAC_OVERRIDE : 0;
        data[i].effective &= data[i].permitted;
        data[i].inheritable = 0;
    }
    return syscall(SYS_capset, &head, data) == 0;
}

/* A runner keeps all rights, as what it starts may need them. */
static bool give_up(enum child_kind kind)
{
    bool stranger = kind == CHILD_STRANGER || kind == CHILD_LISTENER;

    return kind == CHILD_RUNNER || (stranger ? leave_root() : leave_rights());
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

enum err child_start(enum child_kind kind, int (*run)(int fd), struct child *c,
                     struct err_info *why)
{
    int ends[2];
    pid_t parent = getpid();

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        return err_set_os(why, ERR_INTERNAL, errno, "cannot make a socket");
    pid_t pid = fork();
    if (pid < 0) {
        int reason = errno;
        (void)close(ends[0]);
        (void)close(ends[1]);
        return err_set_os(why, ERR_INTERNAL, reason, "cannot start a process");
    }
    if (pid == 0)
        _exit(lock_in(kind, ends[1], parent, run));
    (void)close(ends[1]);
    c->pid = pid;
    c->fd = ends[0];
    return ERR_OK;
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

void child_let_go(struct child *c)
{
    const struct timespec a_moment = {.tv_nsec = LET_GO_MS * 1000000L};

    if (c->pid == 0)
        return;
    (void)close(c->fd);
    (void)kill(c->pid, SIGTERM);
    for (int i = 0; i < LET_GO_TIMES; i++) {
        if (waitpid(c->pid, NULL, WNOHANG) != 0)
            break;
        (void)nanosleep(&a_moment, NULL);
    }
    c->pid = 0;
}

void child_end(struct child *c)
{
    if (c->pid == 0)
        return;
    (void)close(c->fd);
    (void)kill(c->pid, SIGKILL);
    while (waitpid(c->pid, NULL, 0) < 0 && errno == EINTR)
        continue;
    c->pid = 0;
}
