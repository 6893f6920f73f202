/* Entering a jail, in the only order that works: what needs rights comes first. */
#include "core/jail/jail.h"

#include <errno.h>
#include <grp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/secret.h"
#include "core/jail/jail_private.h"

#if JAIL_SANITIZED
/* LeakSanitizer looks for leaks by ptrace from a forked process; inside a jail that
 * is refused, so it is told not to try. */
static int leaks_cannot_be_looked_for;
int __lsan_is_turned_off(void);
__attribute__((visibility("default"))) int __lsan_is_turned_off(void)
{
    return leaks_cannot_be_looked_for;
}
#endif

/* Landlock holds for the calling thread only. */
static enum err check_single_thread(struct err_info *why)
{
    struct stat about;

    if (stat("/proc/self/task", &about) != 0)
        return ERR_OK; /* without /proc nobody can tell */
    if (about.st_nlink >
        3 + JAIL_OWN_THREADS) /* itself, its parent's entry, one thread */
        return err_set(why, ERR_INTERNAL, "a jail was entered with %lu threads running",
                       (unsigned long)about.st_nlink - 2);
    return ERR_OK;
}

static enum err change_user(const struct jail_plan *plan, struct err_info *why)
{
    int death_signal = 0;

    if (plan->uid == 0 || geteuid() != 0)
        return ERR_OK;
    (void)prctl(PR_GET_PDEATHSIG, &death_signal);
    if (setgroups(0, NULL) != 0 || setresgid(plan->gid, plan->gid, plan->gid) != 0 ||
        setresuid(plan->uid, plan->uid, plan->uid) != 0)
        return err_set_os(why, ERR_UNAUTHORIZED, errno, "changing to uid %lu, gid %lu",
                          (unsigned long)plan->uid, (unsigned long)plan->gid);
    if (setuid(0) == 0)
        return err_set(why, ERR_INTERNAL, "root's rights could be taken back");
    /* a change of user clears it (prctl(2)) */
    if (death_signal != 0)
        (void)prctl(PR_SET_PDEATHSIG, death_signal);
    return ERR_OK;
}

enum err jail_enter(const struct jail_plan *plan, struct err_info *why)
{
    const struct rlimit no_core = {0, 0};

    TRY(check_single_thread(why));
    TRY(change_user(plan, why));
    if (setrlimit(RLIMIT_CORE, &no_core) != 0)
        return err_set_os(why, ERR_INTERNAL, errno, "forbidding core dumps");
    secret_protect_process();
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return err_set_os(why, ERR_INTERNAL, errno, "forbidding new privileges");
    TRY(jail_landlock(plan, why));
    TRY(jail_seccomp(plan, why));
#if JAIL_SANITIZED
    leaks_cannot_be_looked_for = 1;
#endif
    return ERR_OK;
}
