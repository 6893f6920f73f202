/* The rights of a confined program: another user, Landlock, limits. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "client/run/run_private.h"

#define FILE_MAX_OCTETS (64 * 1024 * 1024)
#define PROCESSES_MAX   512  /* of the user it becomes, who may have others */
#define PROCESSES_OURS  4096 /* of the user who runs cairn, and has much else */
#define FILES_MAX       1024

/* landlock(7); ours, because the headers may be older than the kernel */
#define EXECUTE        (1ULL << 0)
#define WRITE_FILE     (1ULL << 1)
#define READ_FILE      (1ULL << 2)
#define READ_DIR       (1ULL << 3)
#define REFER          (1ULL << 13)
#define TRUNCATE       (1ULL << 14)
#define IOCTL_DEV      (1ULL << 15)
#define ABI_1          ((1ULL << 13) - 1)
#define OF_FILES       (EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV)
#define READ           (EXECUTE | READ_FILE | READ_DIR)
#define USE_DEVICE     (WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV)
#define WHOLE          (ABI_1 | REFER | TRUNCATE)
#define SCOPES         ((1ULL << 0) | (1ULL << 1)) /* abstract sockets, signals */
#define BENEATH        1
#define CREATE_VERSION 1U

/* What shells, interpreters, curl, openssl and name look-ups need. Of /run only what
 * resolv.conf may lead to: credentials of services are there, too. */
static const char *const readable[] = {
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/opt",
    "/proc",
    "/nix/store",
    "/gnu/store",
    "/run/systemd/resolve",
    "/run/resolvconf",
    "/run/NetworkManager",
    "/var/lib/ca-certificates",
};

static const char *const devices[] = {"/dev/null", "/dev/zero", "/dev/full",
                                      "/dev/random", "/dev/urandom"};

struct rules {
    int ruleset;
    uint64_t handled;
    bool good;
};

static void allow(struct rules *l, const char *path, uint64_t allowed)
{
    struct {
        uint64_t allowed;
        int32_t parent;
    } __attribute__((packed))
    rule = {allowed & l->handled, open(path, O_PATH | O_CLOEXEC)};
    struct stat about;

    if (rule.parent < 0)
        return; /* not there: nothing to allow */
    if (fstat(rule.parent, &about) == 0 && !S_ISDIR(about.st_mode))
        rule.allowed &= OF_FILES;
    l->good =
        syscall(SYS_landlock_add_rule, l->ruleset, BENEATH, &rule, 0) == 0 && l->good;
    (void)close(rule.parent);
}

/* All of /etc but what is cairn's: to somebody who is not root, credentials of other
 * domains would be readable there. */
static void allow_etc(struct rules *l)
{
    DIR *d = opendir("/etc");
    struct dirent *entry;

    while (d != NULL && (entry = readdir(d)) != NULL) {
        char path[sizeof "/etc/" + sizeof entry->d_name] = "/etc/";
        if (entry->d_name[0] == '.' || strcmp(entry->d_name, "cairn") == 0)
            continue;
        memcpy(path + strlen("/etc/"), entry->d_name, strlen(entry->d_name) + 1);
        allow(l, path, READ);
    }
    if (d != NULL)
        (void)closedir(d);
}

static void allow_all(struct rules *l, const struct run_request *r, const char *program,
                      const char *folder)
{
    for (size_t i = 0; i < sizeof readable / sizeof readable[0]; i++)
        allow(l, readable[i], READ);
    for (size_t i = 0; i < sizeof devices / sizeof devices[0]; i++)
        allow(l, devices[i], USE_DEVICE);
    for (size_t i = 0; r->readable != NULL && r->readable[i] != NULL; i++)
        allow(l, r->readable[i], READ);
    allow_etc(l);
    allow(l, program, READ);
    allow(l, folder, WHOLE);
}

/* False only if the kernel knows Landlock and yet it cannot be done. */
static bool leave_files(const struct run_request *r, const char *program,
                        const char *folder)
{
    struct {
        uint64_t handled, network, scoped;
    } attributes = {ABI_1, 0, 0};
    long version = syscall(SYS_landlock_create_ruleset, NULL, (size_t)0, CREATE_VERSION);

    if (version < 0)
        return errno == ENOSYS || errno == EOPNOTSUPP;
    attributes.handled |= version >= 2 ? REFER : 0;
    attributes.handled |= version >= 3 ? TRUNCATE : 0;
    attributes.handled |= version >= 5 ? IOCTL_DEV : 0;
    attributes.scoped = version >= 6 ? SCOPES : 0;
    struct rules l = {.handled = attributes.handled, .good = true};
    l.ruleset = (int)syscall(SYS_landlock_create_ruleset, &attributes,
                             version >= 6 ? sizeof attributes : sizeof(uint64_t), 0);
    if (l.ruleset < 0)
        return false;
    allow_all(&l, r, program, folder);
    l.good = l.good && syscall(SYS_landlock_restrict_self, l.ruleset, 0) == 0;
    (void)close(l.ruleset);
    return l.good;
}

static bool limit(__rlimit_resource_t what, rlim_t most)
{
    struct rlimit now;

    if (getrlimit(what, &now) != 0)
        return false;
    if (now.rlim_max != RLIM_INFINITY && now.rlim_max < most)
        most = now.rlim_max;
    now = (struct rlimit){most, most};
    return setrlimit(what, &now) == 0;
}

enum err run_user_find(const char *name, struct run_user *user, struct err_info *why)
{
    *user = (struct run_user){.uid = geteuid(), .gid = getegid()};
    if (geteuid() != 0)
        return ERR_OK;
    const struct passwd *entry = getpwnam(name);
    if (entry == NULL)
        return err_set(why, ERR_CONFIG, "hooks.user: there is no user %s", name);
    if (entry->pw_uid == 0)
        return err_set(why, ERR_CONFIG,
                       "hooks.user: %s is root; such programs run as another user", name);
    *user = (struct run_user){true, entry->pw_uid, entry->pw_gid};
    return ERR_OK;
}

/* A user namespace that maps root alone (unshare -r) has no other user to be, and its
 * root has no right outside: EINVAL. */
bool run_become(const struct run_user *user)
{
    if (!user->changes)
        return true;
    if (setresgid(user->gid, user->gid, user->gid) != 0)
        return errno == EINVAL;
    return setgroups(0, NULL) == 0 && setresuid(user->uid, user->uid, user->uid) == 0;
}

/* The user comes last but for Landlock, as a limit on a user's processes counts when one
 * becomes that user. */
bool run_confine(const struct run_request *r, const char *program, const char *folder,
                 const struct run_user *user)
{
    return limit(RLIMIT_CORE, 0) && limit(RLIMIT_FSIZE, FILE_MAX_OCTETS) &&
           limit(RLIMIT_NOFILE, FILES_MAX) &&
           limit(RLIMIT_NPROC, user->changes ? PROCESSES_MAX : PROCESSES_OURS) &&
           run_become(user) && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && leave_files(r, program, folder);
}
