/* Tests of server/proc/supervisor*: how a house ends or cannot begin, and what the
 * service manager hears. */
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
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "house.h"

static void drain_expires(void **state)
{
    static const struct variable variables[] = {{"TOY_STUBBORN", "1"}, {NULL, NULL}};
    struct house *h = house_start(variables);

    (void)state;
    (void)house_expect(h, "ready ");
    assert_int_equal(house_stop(h), 0); /* it ended when told more clearly */
    (void)house_expect(h, "front drain");
    (void)house_expect(h, "proc.drain_expired");
    (void)house_expect(h, "front end");
    free(h);
}

/* One that hangs is killed, and that is said by the exit code. The service manager's
 * watchdog goes on being asked for meanwhile. */
static void hanging(void **state)
{
    static const char *const roles[] = {"front", "validator"};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        const struct variable variables[] = {
            {"TOY_HANGS", roles[i]}, {"WATCHDOG_USEC", "100000"}, {NULL, NULL}};
        struct house *h = house_start(variables);
        (void)house_expect(h, "ready ");
        assert_int_equal(house_stop(h), 1);
        const char *killed = house_expect(h, "proc.killed");
        assert_non_null(strstr(killed, roles[i]));
        (void)house_expect(h, "orderly=no");
        free(h);
    }
}

/* Whatever becomes of the supervisor, nobody is left behind: not even the one that does
 * not look at its control socket. The others may see it closed before the kernel kills
 * them. */
static void supervisor_killed(void **state)
{
    static const char *const roles[] = {"signer", "validator", "front"};

    (void)state;
    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    for (size_t hanging = 0; hanging < 3; hanging++) {
        const struct variable variables[] = {{"TOY_HANGS", roles[hanging]}, {NULL, NULL}};
        struct house *h = house_start(variables);
        pid_t pids[3];
        (void)house_expect(h, "ready ");
        for (size_t i = 0; i < 3; i++)
            pids[i] = house_first_start(h, roles[i]);
        assert_int_equal(kill(h->pid, SIGKILL), 0);
        assert_int_equal(house_end(h), -1); /* the pipe closed: all of them are gone */
        for (size_t i = 0; i < 3; i++) {
            int status = 0;
            bool killed;
            assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
            killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
            assert_true(killed || (i != hanging && WIFEXITED(status)));
        }
        free(h);
    }
    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 0), 0);
}

/* A child that cannot begin ends the house: a restart would not help. */
static void cannot_begin(void **state)
{
    static const char *const roles[] = {"signer", "validator", "front"};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        const struct variable variables[] = {{"TOY_FAILS", roles[i]}, {NULL, NULL}};
        struct house *h = house_start(variables);
        assert_int_equal(house_end(h), 1);
        (void)house_expect(h, "this role was told to fail");
        house_rewind(h);
        assert_null(house_heard(h, "ready https", 0));
        free(h);
    }
}

/* A child of another build is not trusted, and would be no better the next time. */
static void wrong_version(void **state)
{
    static const struct variable variables[] = {{"TOY_VERSION", "validator"},
                                                {NULL, NULL}};
    struct house *h = house_start(variables);

    (void)state;
    assert_int_equal(house_end(h), 1);
    assert_non_null(strstr(house_expect(h, "proc.broke_protocol"), "another version"));
    house_rewind(h);
    assert_null(house_heard(h, "ready https", 0));
    house_rewind(h);
    assert_null(house_heard(h, "proc.restart_planned", 0));
    free(h);
}

static void by_hand(void **state)
{
    static const char *const roles[] = {"front", "signer", "validator"};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        int status = 0;
        pid_t pid = fork();
        if (pid == 0) {
            int null = open("/dev/null", O_WRONLY);
            (void)dup2(null, STDOUT_FILENO);
            (void)dup2(null, STDERR_FILENO);
            (void)execl(house_program(), house_program(), "--role", roles[i],
                        (char *)NULL);
            _exit(126);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == EXIT_FAILURE);
    }
}

static void another_user(void **state)
{
    static const struct variable variables[] = {{"TOY_UID", "64390"}, {NULL, NULL}};

    (void)state;
    if (geteuid() != 0)
        skip();
    struct house *h = house_start(variables);
    (void)house_expect(h, "ready ");
    pid_t front = house_first_start(h, "front");
    house_rewind(h);
    (void)house_expect(h, "uid 64390");
    assert_true(front > 0);
    assert_int_equal(kill(h->pid, SIGKILL), 0); /* the order to die survives the change */
    assert_int_equal(house_end(h), -1);
    free(h);
}

/* The next datagram that has `text` in it. */
static bool told(int fd, const char *text, int64_t wait_ms)
{
    int64_t until_us = clock_monotonic_us() + wait_ms * 1000;
    char datagram[256];

    for (;;) {
        struct pollfd polled = {fd, POLLIN, 0};
        int64_t left_ms = (until_us - clock_monotonic_us()) / 1000;
        if (left_ms <= 0 || poll(&polled, 1, (int)left_ms) <= 0)
            return false;
        ssize_t n = recv(fd, datagram, sizeof datagram - 1, 0);
        assert_true(n > 0);
        datagram[n] = '\0';
        if (strstr(datagram, text) != NULL)
            return true;
    }
}

/* What the service manager hears, from start to end; the watchdog is fed only while the
 * front is alive. */
static void service_manager(void **state)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char name[64];
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    (void)state;
    (void)snprintf(name, sizeof name, "@cairn-supervisor-test-%ld", (long)getpid());
    memcpy(address.sun_path, name, strlen(name));
    address.sun_path[0] = '\0';
    assert_int_equal(
        bind(fd, (const struct sockaddr *)&address,
             (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name))),
        0);
    const struct variable variables[] = {
        {"NOTIFY_SOCKET", name}, {"WATCHDOG_USEC", "100000"}, {NULL, NULL}};
    struct house *h = house_start(variables);
    assert_true(told(fd, "READY=1", HOUSE_PATIENCE_MS));
    (void)house_expect(h, "ready ");
    assert_true(told(fd, "WATCHDOG=1", HOUSE_PATIENCE_MS));
    pid_t front = house_first_start(h, "front");
    assert_int_equal(kill(front, SIGSTOP), 0);
    (void)told(fd, "WATCHDOG=1", 20); /* one may have been under way */
    assert_false(told(fd, "WATCHDOG=1", 300));
    assert_int_equal(kill(front, SIGCONT), 0);
    assert_true(told(fd, "WATCHDOG=1", HOUSE_PATIENCE_MS));
    assert_int_equal(kill(h->pid, SIGHUP), 0);
    assert_true(told(fd, "RELOADING=1\nMONOTONIC_USEC=", HOUSE_PATIENCE_MS));
    assert_true(told(fd, "READY=1", HOUSE_PATIENCE_MS));
    assert_int_equal(house_stop(h), 0);
    assert_true(told(fd, "STOPPING=1", HOUSE_PATIENCE_MS));
    (void)close(fd);
    free(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(drain_expires),     cmocka_unit_test(hanging),
        cmocka_unit_test(supervisor_killed), cmocka_unit_test(cannot_begin),
        cmocka_unit_test(wrong_version),     cmocka_unit_test(by_hand),
        cmocka_unit_test(another_user),      cmocka_unit_test(service_manager),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
