/* Going on with connections when the rest of cairn is done. */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client/solve/splice.h"

static void stop(void *argument)
{
    loop_stop(argument);
}

/* Holds nothing but the connections: no output that somebody reads to its end, no socket
 * to who is gone, no port. */
static int carry_on(struct splice *s)
{
    struct err_info ignored = {0};
    struct loop *loop = NULL;

    splice_close_others(s);
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        (void)!open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (loop_new(&loop, &ignored) != ERR_OK)
        return EXIT_FAILURE;
    struct loop_timer *timer = loop_timer_new(loop, stop, loop);
    loop_timer_set(timer, SPLICE_DRAIN_MS);
    splice_resume(s, loop, stop, loop);
    if (splice_count(s) > 0)
        loop_run(loop);
    return EXIT_SUCCESS;
}

/* In between is a process that ends at once, so that nobody is this one's parent. */
void splice_drain(struct splice *s)
{
    pid_t between = fork();

    if (between == 0) {
        if (setsid() < 0 || fork() != 0)
            _exit(EXIT_SUCCESS);
        _exit(carry_on(s));
    }
    if (between > 0)
        (void)waitpid(between, NULL, 0);
}
