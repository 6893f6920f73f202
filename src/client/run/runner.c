/* The runner: forks a minder for each program. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "client/proc/child.h"
#include "client/proc/wire.h"
#include "client/run/run_private.h"

/* What the runner does about signals, and what was done about them before. It does not
 * listen to those that end it; a child that has ended must stay one, so that its number
 * is nobody else's, until the runner has forgotten it (run_crew_reap). */
static struct {
    int number;
    void (*wanted)(int number);
    struct sigaction before;
} signals[] = {{.number = SIGINT, .wanted = SIG_IGN},
               {.number = SIGTERM, .wanted = SIG_IGN},
               {.number = SIGHUP, .wanted = SIG_IGN},
               {.number = SIGCHLD, .wanted = SIG_DFL}};

#define COUNT (sizeof signals / sizeof signals[0])

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
        (void)sigaction(signals[i].number, &signals[i].before, NULL);
}

static void set_signals(void)
{
    for (size_t i = 0; i < COUNT; i++) {
        const struct sigaction wanted = {.sa_handler = signals[i].wanted};
        (void)sigaction(signals[i].number, &wanted, &signals[i].before);
    }
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

    set_signals();
    for (;;) {
        AUTO(arena) struct arena *a = arena_new();
        struct wire_message m;
        int passed = -1;

        enum err result = wire_receive(a, fd, &m, &passed, &why);
        run_crew_reap();
        if (result == ERR_OK)
            result = obey(a, fd, &m, passed, &why);
        if (passed >= 0)
            (void)close(passed);
        if (result != ERR_OK)
            return EXIT_SUCCESS; /* nobody asks any more */
    }
}
