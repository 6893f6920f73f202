/* Processes with few rights. */
#include "client/proc/child.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client/report/report.h"
#include "core/base/secret.h"

#define NOBODY 65534 /* user and group, as on every Linux */
#define OWN_FD 3     /* the child's end of the socket */
#define FAILED 70    /* exit code of a child that could not be locked in */

/* landlock(7); ours, because the headers may be older than the kernel */
#define LANDLOCK_READ    ((1ULL << 2) | (1ULL << 3)) /* files, directories */
#define LANDLOCK_WRITE   (1ULL << 1)                 /* files that are there */
#define LANDLOCK_ABI_1   ((1ULL << 13) - 1)
#define LANDLOCK_BENEATH 1

/* What name look-ups, OpenSSL and its root certificates need. */
static const char *const readable[] = {"/etc", "/usr", "/lib",      "/lib64",
                                       "/run", "/dev", "/proc/self"};

static bool allow(int ruleset, const char *path, uint64_t allowed)
{
    struct {
        uint64_t allowed;
        int32_t parent;
    } __attribute__((packed)) rule = {allowed, open(path, O_PATH | O_CLOEXEC)};

    if (rule.parent < 0)
        return true; /* not there: nothing to read */
    long result = syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_BENEATH, &rule, 0);
    (void)close(rule.parent);
    return result == 0;
}

/* False only if the kernel knows Landlock and yet it cannot be done. */
static bool leave_files(enum child_kind kind)
{
    uint64_t handled = LANDLOCK_ABI_1;
    bool good = true;
    if (kind == CHILD_MODULE)
        return true;
    int ruleset = (int)syscall(SYS_landlock_create_ruleset, &handled, sizeof handled, 0);
    if (ruleset < 0)
        return errno == ENOSYS || errno == EOPNOTSUPP;
    for (size_t i = 0; i < sizeof readable / sizeof readable[0] && good; i++)
        good = allow(ruleset, readable[i], LANDLOCK_READ);
    if (kind == CHILD_DEVICE)
        good = good && allow(ruleset, "/dev", LANDLOCK_READ | LANDLOCK_WRITE);
    good = good && syscall(SYS_landlock_restrict_self, ruleset, 0) == 0;
    (void)close(ruleset);
    return good;
}

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

static bool give_up(enum child_kind kind)
{
    if (kind == CHILD_RUNNER)
        return true;
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && leave_files(kind) &&
           (kind == CHILD_STRANGER ? leave_root() : leave_rights());
}

/* The order matters: changing user resets the signal for the parent's death. */
static int lock_in(enum child_kind kind, int fd, pid_t parent, int (*run)(int fd))
{
    if (fd != OWN_FD && dup3(fd, OWN_FD, O_CLOEXEC) != OWN_FD)
        return FAILED;
    if (close_range(OWN_FD + 1, ~0U, 0) != 0 || chdir("/") != 0)
        return FAILED;
    report_log_forget();
    if (!give_up(kind))
        return FAILED;
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent)
        return FAILED;
    secret_protect_process();
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
