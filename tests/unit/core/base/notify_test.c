/* Tests of core/base/notify: what arrives at the service manager's socket. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/notify.h"

/* A socket bound to `name` ('@': abstract), which NOTIFY_SOCKET is set to. */
static int listen_at(const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    memcpy(address.sun_path, name, strlen(name));
    if (name[0] == '@')
        address.sun_path[0] = '\0';
    assert_int_equal(
        bind(fd, (const struct sockaddr *)&address,
             (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name))),
        0);
    assert_int_equal(setenv("NOTIFY_SOCKET", name, 1), 0);
    return fd;
}

static void expect_datagram(int fd, const char *text)
{
    char got[256];
    ssize_t n = recv(fd, got, sizeof got - 1, MSG_DONTWAIT);

    assert_true(n >= 0);
    got[n] = '\0';
    assert_string_equal(got, text);
}

static void sends(void **state)
{
    char directory[] = "/tmp/cairn-notify-XXXXXX";
    char names[2][64];
    struct err_info why = {0};

    (void)state;
    assert_non_null(mkdtemp(directory));
    (void)snprintf(names[0], sizeof names[0], "%s/socket", directory);
    (void)snprintf(names[1], sizeof names[1], "@cairn-notify-%ld", (long)getpid());
    for (size_t i = 0; i < 2; i++) {
        int fd = listen_at(names[i]);
        assert_int_equal(notify_send("READY=1", &why), ERR_OK);
        expect_datagram(fd, "READY=1");
        assert_int_equal(notify_send("WATCHDOG=1\nSTATUS=fine", &why), ERR_OK);
        expect_datagram(fd, "WATCHDOG=1\nSTATUS=fine");
        (void)close(fd);
    }
    assert_int_equal(notify_send("READY=1", &why), ERR_IO); /* nobody is there */
    (void)unlink(names[0]);
    (void)rmdir(directory);
}

/* systemd.service(5) Type=notify-reload: the time at which reloading began. */
static void reloading(void **state)
{
    char name[64], got[256];
    struct err_info why = {0};
    long long stamp = 0;

    (void)state;
    (void)snprintf(name, sizeof name, "@cairn-reload-%ld", (long)getpid());
    int fd = listen_at(name);
    int64_t before = clock_monotonic_us();
    assert_int_equal(notify_reloading(&why), ERR_OK);
    ssize_t n = recv(fd, got, sizeof got - 1, MSG_DONTWAIT);
    assert_true(n > 0);
    got[n] = '\0';
    assert_int_equal(sscanf(got, "RELOADING=1\nMONOTONIC_USEC=%lld", &stamp), 1);
    assert_true(stamp >= before && stamp <= clock_monotonic_us());
    (void)close(fd);
}

static void bad_addresses(void **state)
{
    char too_long[200];
    const char *const rows[] = {"", "@", "/", "relative", too_long};
    struct err_info why = {0};

    (void)state;
    memset(too_long, 'a', sizeof too_long);
    too_long[0] = '/';
    too_long[sizeof too_long - 1] = '\0';
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(setenv("NOTIFY_SOCKET", rows[i], 1), 0);
        assert_int_equal(notify_send("READY=1", &why), ERR_CONFIG);
    }
    assert_int_equal(unsetenv("NOTIFY_SOCKET"), 0);
    assert_int_equal(notify_send("READY=1", &why), ERR_OK);
}

static void watchdog(void **state)
{
    char own[32];
    const struct {
        const char *period, *pid;
        uint64_t expected;
    } rows[] = {
        {NULL, NULL, 0},
        {"30000000", NULL, 30000000},
        {"30000000", own, 30000000},
        {"500", "1", 0},
        {"500", "x", 0},
        {"0", NULL, 0},
        {"-1", NULL, 0},
        {"5s", NULL, 0},
        {"", NULL, 0},
        {"99999999999999999999", NULL, 0},
    };

    (void)state;
    (void)snprintf(own, sizeof own, "%ld", (long)getpid());
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        (void)unsetenv("WATCHDOG_USEC");
        (void)unsetenv("WATCHDOG_PID");
        if (rows[i].period != NULL)
            assert_int_equal(setenv("WATCHDOG_USEC", rows[i].period, 1), 0);
        if (rows[i].pid != NULL)
            assert_int_equal(setenv("WATCHDOG_PID", rows[i].pid, 1), 0);
        assert_true(notify_watchdog_us() == rows[i].expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sends),
        cmocka_unit_test(reloading),
        cmocka_unit_test(bad_addresses),
        cmocka_unit_test(watchdog),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
