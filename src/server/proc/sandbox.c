/* Roles and what they may do. */
#include "server/proc/sandbox.h"

/* Who may use a group of syscalls: a set of enum ipc_role. */
static const struct {
    enum jail_groups group;
    unsigned int roles;
} group_roles[] = {
    {JAIL_BASE, IPC_CHILD},
    {JAIL_FILE, IPC_CHILD},
    {JAIL_STORE, IPC_FRONT | IPC_SIGNER}, /* the database, the journal */
    {JAIL_CHANNEL, IPC_CHILD},
    {JAIL_SERVE, IPC_HUB},
    {JAIL_LOOP, IPC_HUB | IPC_VALIDATOR | IPC_RELAY},
    {JAIL_REACH, IPC_VALIDATOR | IPC_RELAY},
};

enum err sandbox_enter(const struct sandbox_plan *plan, struct err_info *why)
{
    struct jail_plan jail = {.uid = plan->uid,
                             .gid = plan->gid,
                             .paths = plan->paths,
                             .path_count = plan->path_count,
                             .sockets = plan->sockets};

    for (size_t i = 0; i < sizeof group_roles / sizeof group_roles[0]; i++)
        if ((group_roles[i].roles & (unsigned int)plan->role) != 0)
            jail.groups |= group_roles[i].group;
    if ((plan->role & (IPC_VALIDATOR | IPC_RELAY)) != 0)
        jail.sockets |= JAIL_SOCKETS_INTERNET;
    /* who may open sockets besides those of its role needs what one does with them */
    if (plan->sockets != JAIL_SOCKETS_NONE)
        jail.groups |= JAIL_REACH | JAIL_LOOP;
    return jail_enter(&jail, why);
}
