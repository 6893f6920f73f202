/* cairn-ca: the certificate authority. */
#include "core/base/secret.h"
#include "server/command/command.h"
#include "server/command/role.h"
#include "server/proc/supervisor.h"

int main(int argc, char **argv)
{
    enum ipc_role role;

    secret_protect_process();
    if (supervisor_is_child(argc, argv, &role))
        return role_run(role, argc - 3, argv + 3);
    return command_run(argc, argv);
}
