/* cairn-ca: the certificate authority. */
#include "core/base/secret.h"
#include "server/command/command.h"

int main(int argc, char **argv)
{
    secret_protect_process();
    return command_run(argc, argv);
}
