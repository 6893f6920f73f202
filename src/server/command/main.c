/* cairn-ca: the certificate authority. */
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "core/base/secret.h"
#include "server/command/command.h"
#include "server/command/role.h"
#include "server/proc/supervisor.h"

/* Whoever started us may have closed these: what we open must not land there and be taken
 * for the log. */
static void hold_standard_descriptors(void)
{
    int fd = 0;

    while (fd >= 0 && fd <= STDERR_FILENO)
        fd = open("/dev/null", O_RDWR); /* kept over exec, for the children */
    if (fd > STDERR_FILENO)
        (void)close(fd);
}

int main(int argc, char **argv)
{
    const struct sigaction ignored = {.sa_handler = SIG_IGN};
    enum ipc_role role;

    hold_standard_descriptors();
    /* a reader of the log that goes away must not end the house; the children inherit it
     */
    (void)sigaction(SIGPIPE, &ignored, NULL);
    secret_protect_process();
    if (supervisor_is_child(argc, argv, &role))
        return role_run(role, argc - 3, argv + 3);
    return command_run(argc, argv);
}
