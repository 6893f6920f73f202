/* The runner: forks a minder for each program. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "client/proc/child.h"
#include "client/proc/wire.h"
#include "client/run/run_private.h"

static void mind_apart(int runner, int channel)
{
    struct err_info why = {0};
    pid_t pid = fork();

    if (pid == 0) {
        (void)close(runner);
        _exit(run_mind(channel));
    }
    if (pid < 0) {
        (void)err_set_os(&why, ERR_INTERNAL, errno, "cannot start a process");
        (void)!wire_send_failure(channel, &why, &why);
    }
}

int runner_run(int fd)
{
    struct err_info why = {0};

    child_ignore_signals();
    (void)signal(SIGCHLD, SIG_IGN); /* nobody waits for minders */
    for (;;) {
        AUTO(arena) struct arena *a = arena_new();
        struct wire_message m;
        int channel = -1;

        if (wire_receive(a, fd, &m, &channel, &why) != ERR_OK)
            return EXIT_SUCCESS; /* nobody asks any more */
        if (channel >= 0) {
            mind_apart(fd, channel);
            (void)close(channel);
        }
    }
}
