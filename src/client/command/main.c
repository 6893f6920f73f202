/* cairn: the ACME client. */
#include <signal.h>
#include <sys/stat.h>

#include "client/command/client_command.h"
#include "core/base/file.h"
#include "core/base/interrupt.h"
#include "core/base/secret.h"

int main(int argc, char **argv)
{
    const struct sigaction ignored = {.sa_handler = SIG_IGN};
    const struct sigaction usual = {.sa_handler = SIG_DFL};

    file_keep_standard();
    secret_protect_process();
    (void)umask(022); /* modes are said where files are made */
    (void)sigaction(SIGPIPE, &ignored, NULL);
    (void)sigaction(SIGCHLD, &usual, NULL); /* who ignores it has it ignored in us, too */
    interrupt_watch();
    int code = client_command_run(argc, argv);
    interrupt_end();
    return code;
}
