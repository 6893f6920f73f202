/* Which syscalls may be used: the allow-list of jail_syscalls.def as a filter. */
#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/log.h"
#include "core/jail/jail_private.h"

static const struct {
    unsigned int group;
    const char *name;
} allowed[] = {
#define JAIL_ALLOW(GROUP, name) {JAIL_##GROUP, #name},
#include "core/jail/jail_syscalls.def"
};

static const char *const deadly[] = {
#define JAIL_KILL(name) #name,
#include "core/jail/jail_syscalls.def"
};

/* Add a rule for a syscall by its name; one that is unknown here is no failure. */
static int add_rule(scmp_filter_ctx filter, uint32_t action, const char *name,
                    unsigned int count, struct scmp_arg_cmp compare)
{
    int number = seccomp_syscall_resolve_name(name);

    if (number == __NR_SCMP_ERROR)
        return 0;
    int result = count > 0 ? seccomp_rule_add(filter, action, number, 1, compare)
                           : seccomp_rule_add(filter, action, number, 0);
    return result == -EEXIST || result == -EDOM ? 0 : result;
}

/* Syscalls that are allowed for some arguments only. */
static int add_conditional_rules(scmp_filter_ctx filter, const struct jail_plan *plan)
{
    const struct scmp_arg_cmp thread =
        SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD);
    const struct scmp_arg_cmp none = {0};
    /* raise() and abort(): signals to ourselves only */
    const struct scmp_arg_cmp self = SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid(), 0);
    const struct scmp_arg_cmp own_limits = SCMP_A0(SCMP_CMP_EQ, 0, 0);
    const struct scmp_arg_cmp waiting = SCMP_A1(SCMP_CMP_EQ, FIONREAD, 0);
    const struct scmp_arg_cmp nonblocking = SCMP_A1(SCMP_CMP_EQ, FIONBIO, 0);
    const struct scmp_arg_cmp local = SCMP_A0(SCMP_CMP_EQ, AF_UNIX, 0);
    const struct scmp_arg_cmp inet = SCMP_A0(SCMP_CMP_EQ, AF_INET, 0);
    const struct scmp_arg_cmp inet6 = SCMP_A0(SCMP_CMP_EQ, AF_INET6, 0);
    int result = add_rule(filter, SCMP_ACT_ALLOW, "clone", 1, thread);

    /* its flags lie in memory, where no filter can look; glibc then falls back to clone
     */
    result |= add_rule(filter, SCMP_ACT_ERRNO(ENOSYS), "clone3", 0, none);
    result |= add_rule(filter, SCMP_ACT_ALLOW, "tgkill", 1, self);
    result |= add_rule(filter, SCMP_ACT_ALLOW, "kill", 1, self);
    result |= add_rule(filter, SCMP_ACT_ALLOW, "prlimit64", 1, own_limits);
    result |= add_rule(filter, SCMP_ACT_ALLOW, "ioctl", 1, waiting);
    result |= add_rule(filter, SCMP_ACT_ALLOW, "ioctl", 1, nonblocking);
    if ((plan->sockets & JAIL_SOCKETS_LOCAL) != 0)
        result |= add_rule(filter, SCMP_ACT_ALLOW, "socket", 1, local);
    if ((plan->sockets & JAIL_SOCKETS_INTERNET) != 0) {
        result |= add_rule(filter, SCMP_ACT_ALLOW, "socket", 1, inet);
        result |= add_rule(filter, SCMP_ACT_ALLOW, "socket", 1, inet6);
    }
    return result;
}

static int add_rules(scmp_filter_ctx filter, const struct jail_plan *plan)
{
    const struct scmp_arg_cmp none = {0};
    int result = 0;

    for (size_t i = 0; i < sizeof allowed / sizeof allowed[0]; i++) {
        if ((plan->groups & allowed[i].group) != 0)
            result |= add_rule(filter, SCMP_ACT_ALLOW, allowed[i].name, 0, none);
    }
    for (size_t i = 0; i < sizeof deadly / sizeof deadly[0]; i++)
        result |= add_rule(filter, SCMP_ACT_KILL_PROCESS, deadly[i], 0, none);
    return result | add_conditional_rules(filter, plan);
}

enum err jail_seccomp(const struct jail_plan *plan, struct err_info *why)
{
    if (prctl(PR_GET_SECCOMP) < 0) {
        if (!plan->silent)
            log_event(LOG_LEVEL_WARNING, "sandbox.reduced",
                      "reason=\"this kernel has no seccomp\"");
        return ERR_OK;
    }
    /* EPERM rather than death for the rest: libraries probe for syscalls in good faith,
     * and a refusal gains an intruder nothing that a restart would not */
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    if (filter == NULL)
        return err_set(why, ERR_INTERNAL, "the syscall filter cannot be made");
    (void)seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2); /* a binary tree */
    int result = add_rules(filter, plan);
    if (result == 0)
        result = seccomp_load(filter);
    seccomp_release(filter);
    if (result != 0)
        return err_set_os(why, ERR_INTERNAL, result < 0 ? -result : result,
                          "the syscall filter cannot be loaded");
    return ERR_OK;
}
