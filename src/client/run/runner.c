/* The runner: forks a minder for each program. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "client/proc/child.h"
#include "client/proc/wire.h"
#include "client/run/run_private.h"

/* What the runner does not listen to, and what was done about it before. */
static struct {
    int number;
    struct sigaction before;
} passed_over[] = {
    {.number = SIGINT}, {.number = SIGTERM}, {.number = SIGHUP}, {.number = SIGCHLD}};

#define COUNT (sizeof passed_over / sizeof passed_over[0])

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

void run_crew_restore_signals(void)
{
    for (size_t i = 0; i < COUNT; i++)
        (void)sigaction(passed_over[i].number, &passed_over[i].before, NULL);
}

/* Nobody waits for minders. */
static void pass_signals_over(void)
{
    const struct sigaction ignored = {.sa_handler = SIG_IGN};

    for (size_t i = 0; i < COUNT; i++)
        (void)sigaction(passed_over[i].number, &ignored, &passed_over[i].before);
}

static enum err obey(struct arena *a, int fd, const struct wire_message *m, int passed,
                     struct err_info *why)
{
    if (m->type != WIRE_RUN)
        return run_crew_serve(a, fd, m, passed, why);
    if (passed >= 0)
        mind_apart(fd, passed);
    return ERR_OK;
}

int runner_run(int fd)
{
    struct err_info why = {0};

    pass_signals_over();
    for (;;) {
        AUTO(arena) struct arena *a = arena_new();
        struct wire_message m;
        int passed = -1;

        enum err result = wire_receive(a, fd, &m, &passed, &why);
        if (result == ERR_OK)
            result = obey(a, fd, &m, passed, &why);
        if (passed >= 0)
            (void)close(passed);
        if (result != ERR_OK)
            return EXIT_SUCCESS; /* nobody asks any more */
    }
}
