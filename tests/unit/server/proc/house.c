/* A house of toys, started and listened to. */
#include "house.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/clock.h"

const char *house_program(void)
{
    static char program[512];
    ssize_t len = readlink("/proc/self/exe", program, sizeof program - 32);

    assert_true(len > 0);
    program[len] = '\0';
    for (int i = 0; i < 2; i++) {
        char *slash = strrchr(program, '/');
        assert_non_null(slash);
        *slash = '\0';
    }
    (void)snprintf(program + strlen(program), 32, "/lib/supervised");
    assert_int_equal(access(program, X_OK), 0);
    return program;
}

struct house *house_start(const struct variable *variables)
{
    struct house *h = calloc(1, sizeof *h);
    const char *program = house_program();
    int out[2];

    assert_non_null(h);
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    h->pid = fork();
    if (h->pid == 0) {
        for (; variables != NULL && variables->name != NULL; variables++)
            (void)setenv(variables->name, variables->value, 1);
        (void)dup2(out[1], STDOUT_FILENO);
        (void)dup2(out[1], STDERR_FILENO);
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void)execl(program, program, (char *)NULL);
        _exit(126);
    }
    assert_true(h->pid > 0);
    (void)close(out[1]);
    h->out = out[0];
    return h;
}

bool house_listen(struct house *h, int64_t until_us)
{
    struct pollfd polled = {h->out, POLLIN, 0};
    int64_t left_ms = (until_us - clock_monotonic_us()) / 1000;

    if (h->ended || left_ms <= 0 || poll(&polled, 1, (int)left_ms) <= 0)
        return false;
    assert_true(h->len < sizeof h->said - 1);
    ssize_t n = read(h->out, h->said + h->len, sizeof h->said - 1 - h->len);
    if (n <= 0)
        h->ended = true;
    else
        h->len += (size_t)n;
    return n > 0;
}

const char *house_heard(struct house *h, const char *text, int64_t wait_ms)
{
    static char line[1024];
    int64_t until_us = clock_monotonic_us() + wait_ms * 1000;

    do {
        h->said[h->len] = '\0';
        char *end;
        while ((end = strchr(h->said + h->read, '\n')) != NULL) {
            (void)snprintf(line, sizeof line, "%.*s", (int)(end - h->said - h->read),
                           h->said + h->read);
            h->read = (size_t)(end - h->said) + 1;
            if (strstr(line, text) != NULL)
                return line;
        }
    } while (house_listen(h, until_us));
    return NULL;
}

const char *house_expect(struct house *h, const char *text)
{
    const char *line = house_heard(h, text, HOUSE_PATIENCE_MS);

    if (line == NULL) {
        (void)kill(h->pid, SIGKILL);
        fail_msg("never said: %s\nbut:\n%s", text, h->said);
    }
    return line;
}

void house_rewind(struct house *h)
{
    h->read = 0;
}

pid_t house_expect_start(struct house *h, const char *role)
{
    char text[64];

    (void)snprintf(text, sizeof text, "%s start ", role);
    const char *line = house_expect(h, text);
    return (pid_t)strtol(strstr(line, "start ") + 6, NULL, 10);
}

pid_t house_first_start(struct house *h, const char *role)
{
    house_rewind(h);
    return house_expect_start(h, role);
}

void house_expect_answer(struct house *h, const char *role, pid_t pid)
{
    char text[64];

    (void)snprintf(text, sizeof text, "front answer %s %ld", role, (long)pid);
    (void)house_expect(h, text);
}

int house_end(struct house *h)
{
    int64_t until_us = clock_monotonic_us() + (int64_t)HOUSE_PATIENCE_MS * 1000;
    int status = 0;

    while (house_listen(h, until_us))
        ;
    h->said[h->len] = '\0';
    assert_true(h->ended);
    assert_int_equal(waitpid(h->pid, &status, 0), h->pid);
    (void)close(h->out);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int house_stop(struct house *h)
{
    assert_int_equal(kill(h->pid, SIGTERM), 0);
    return house_end(h);
}
