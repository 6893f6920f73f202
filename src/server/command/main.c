/* cairn-ca: the certificate authority. */
#include <signal.h>

#include "core/base/file.h"
#include "core/base/secret.h"
#include "server/command/command.h"
#include "server/command/role.h"
#include "server/proc/supervisor.h"

int main(int argc, char **argv)
{
    const struct sigaction ignored = {.sa_handler = SIG_IGN};
    const struct sigaction usual = {.sa_handler = SIG_DFL};
    enum ipc_role role;

    file_keep_standard();
    /* a reader of the log that goes away must not end the house; the children inherit it
     */
    (void)sigaction(SIGPIPE, &ignored, NULL);
    (void)sigaction(SIGCHLD, &usual, NULL); /* who ignores it has it ignored in us, too */
    secret_protect_process();
    if (supervisor_is_child(argc, argv, &role))
        return role_run(role, argc - 3, argv + 3);
    return command_run(argc, argv);
}
