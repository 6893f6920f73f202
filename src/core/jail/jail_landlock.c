/* Which files and TCP rights there are: Landlock, as far as the kernel knows it. The
 * constants are ours because the headers of Debian 12 end at ABI 2. */
#include <errno.h>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/base/log.h"
#include "core/jail/jail_private.h"

/* landlock(7) */
#define FS_EXECUTE     (1ULL << 0)
#define FS_WRITE_FILE  (1ULL << 1)
#define FS_READ_FILE   (1ULL << 2)
#define FS_READ_DIR    (1ULL << 3)
#define FS_REMOVE_DIR  (1ULL << 4)
#define FS_REMOVE_FILE (1ULL << 5)
#define FS_MAKE_DIR    (1ULL << 7)
#define FS_MAKE_REG    (1ULL << 8)
#define FS_MAKE_SYM    (1ULL << 12)
#define FS_ABI_1       ((1ULL << 13) - 1)
#define FS_REFER       (1ULL << 13) /* ABI 2 */
#define FS_TRUNCATE    (1ULL << 14) /* ABI 3 */
#define FS_IOCTL_DEV   (1ULL << 15) /* ABI 5 */
#define NET_BIND_TCP   (1ULL << 0)  /* ABI 4 */
#define NET_CONNECT    (1ULL << 1)  /* ABI 4 */
#define SCOPE_ALL      (3ULL)       /* ABI 6: abstract sockets, signals */

#define CREATE_VERSION  1U
#define RULE_PATH_BELOW 1

#define FOR_FILES (FS_EXECUTE | FS_WRITE_FILE | FS_READ_FILE | FS_TRUNCATE | FS_IOCTL_DEV)

struct ruleset_attributes {
    uint64_t files, net, scoped;
};

struct path_attributes {
    uint64_t allowed;
    int32_t parent;
} __attribute__((packed));

int jail_landlock_abi(void)
{
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, CREATE_VERSION);

    return abi > 0 ? (int)abi : 0;
}

/* What this kernel can be asked to refuse. */
static struct ruleset_attributes handled(int abi, const struct jail_plan *plan,
                                         size_t *size)
{
    struct ruleset_attributes a = {.files = FS_ABI_1};

    *size = sizeof a.files;
    if (abi >= 2)
        a.files |= FS_REFER;
    if (abi >= 3)
        a.files |= FS_TRUNCATE;
    if (abi >= 4) {
        *size += sizeof a.net;
        bool reaches = (plan->sockets & JAIL_SOCKETS_INTERNET) != 0;
        a.net = reaches ? NET_BIND_TCP : NET_BIND_TCP | NET_CONNECT;
    }
    if (abi >= 5)
        a.files |= FS_IOCTL_DEV;
    if (abi >= 6) {
        *size += sizeof a.scoped;
        a.scoped = SCOPE_ALL;
    }
    if (plan->all_files)
        a.files = 0;
    return a;
}

static enum err add_path(int ruleset, const struct jail_path *p, uint64_t handled_files,
                         struct err_info *why)
{
    struct path_attributes rule = {.allowed = FS_READ_FILE | FS_READ_DIR};
    struct stat about;
    int fd = p->path != NULL ? open(p->path, O_PATH | O_CLOEXEC)
                             : fcntl(p->fd, F_DUPFD_CLOEXEC, 0);
    const char *name = p->path != NULL ? p->path : "an open folder";

    if (fd < 0 && p->optional)
        return ERR_OK;
    if (fd < 0)
        return err_set_os(why, ERR_NOT_FOUND, errno, "%s", name);
    if (p->access == JAIL_UPDATE)
        rule.allowed |= FS_WRITE_FILE | FS_TRUNCATE | FS_IOCTL_DEV;
    if (p->access == JAIL_CLEAR)
        rule.allowed = FS_REMOVE_DIR;
    if (p->access == JAIL_KEEP)
        rule.allowed |= FS_MAKE_SYM | FS_REMOVE_DIR;
    if (p->access == JAIL_READ_WRITE || p->access == JAIL_KEEP)
        rule.allowed |= FS_WRITE_FILE | FS_TRUNCATE | FS_REMOVE_FILE | FS_MAKE_REG |
                        FS_MAKE_DIR | FS_REFER;
    rule.allowed &= handled_files;
    if (fstat(fd, &about) == 0 && !S_ISDIR(about.st_mode))
        rule.allowed &= FOR_FILES;
    rule.parent = fd;
    long result = syscall(SYS_landlock_add_rule, ruleset, RULE_PATH_BELOW, &rule, 0);
    int os_error = errno;
    (void)close(fd);
    if (result != 0)
        return err_set_os(why, ERR_INTERNAL, os_error, "no Landlock rule for %s", name);
    return ERR_OK;
}

static enum err fill_and_enter(int ruleset, const struct jail_plan *plan,
                               uint64_t handled_files, struct err_info *why)
{
    static const struct jail_path for_sanitizers = {
        .path = "/proc", .access = JAIL_READ, .optional = true};

    for (size_t i = 0; i < plan->path_count; i++)
        TRY(add_path(ruleset, &plan->paths[i], handled_files, why));
    if (JAIL_SANITIZED && !plan->all_files)
        TRY(add_path(ruleset, &for_sanitizers, handled_files, why));
    if (syscall(SYS_landlock_restrict_self, ruleset, 0) != 0)
        return err_set_os(why, ERR_INTERNAL, errno, "Landlock cannot be entered");
    return ERR_OK;
}

enum err jail_landlock(const struct jail_plan *plan, struct err_info *why)
{
    int abi = jail_landlock_abi();
    size_t size;

    if (abi == 0) {
        if (!plan->silent)
            log_event(LOG_LEVEL_WARNING, "sandbox.reduced",
                      "reason=\"this kernel has no Landlock: files are guarded by their "
                      "owner and mode only\"");
        return ERR_OK;
    }
    struct ruleset_attributes a = handled(abi, plan, &size);
    if (a.files == 0 && a.net == 0 && a.scoped == 0)
        return ERR_OK; /* an old kernel, and all files are for it */
    int ruleset = (int)syscall(SYS_landlock_create_ruleset, &a, size, 0);
    if (ruleset < 0)
        return err_set_os(why, ERR_INTERNAL, errno, "Landlock refuses the rules");
    enum err result = fill_and_enter(ruleset, plan, a.files, why);
    (void)close(ruleset);
    return result;
}
