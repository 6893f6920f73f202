/* Tests of server/proc/supervisor*: a real house of processes is started, killed here and
 * there, and listened to. How it ends: supervisor_end_test.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/file.h"
#include "house.h"

static void starts_and_stops(void **state)
{
    struct house *h = house_start(NULL);

    (void)state;
    (void)house_expect(h, "ready https://toy.example.test/");
    pid_t signer = house_first_start(h, "signer");
    pid_t validator = house_first_start(h, "validator");
    house_expect_answer(h, "validator", validator);
    house_expect_answer(h, "signer", signer);
    house_rewind(h);
    /* in, out, err, and the sockets and the configuration at their numbers; no more */
    assert_string_equal(house_expect(h, "front desc"), "front descriptors 0 1 2 3 4 5 7");
    house_rewind(h);
    assert_string_equal(house_expect(h, "signer desc"), "signer descriptors 0 1 2 3 4 7");
    house_rewind(h);
    (void)house_expect(h, "signer settings first");
    house_rewind(h);
    (void)house_expect(h, "front listener 127.0.0.1:0");
    /* signals that are the supervisor's leave a child alone */
    assert_int_equal(kill(signer, SIGTERM), 0);
    assert_int_equal(kill(signer, SIGINT), 0);
    assert_int_equal(kill(signer, SIGHUP), 0);
    h->read = h->len;
    house_expect_answer(h, "signer", signer);
    assert_int_equal(house_stop(h), 0);
    (void)house_expect(h, "front drain");
    (void)house_expect(h, "orderly=yes");
    free(h);
}

/* Killed again and again: a new one each time, later each time. */
static void restarts(void **state)
{
    static const struct variable variables[] = {
        {"TOY_BACKOFF_FIRST", "20"}, {"TOY_BACKOFF_LAST", "70"}, {NULL, NULL}};
    static const char *const waits[] = {"wait_ms=20", "wait_ms=40", "wait_ms=70",
                                        "wait_ms=70"};
    struct house *h = house_start(variables);

    (void)state;
    (void)house_expect(h, "ready ");
    pid_t signer = house_first_start(h, "signer");
    for (size_t i = 0; i < sizeof waits / sizeof waits[0]; i++) {
        assert_int_equal(kill(signer, SIGKILL), 0);
        (void)house_expect(h, "role=signer pid=");
        const char *planned = house_expect(h, "proc.restart_planned");
        assert_non_null(strstr(planned, "role=signer"));
        assert_non_null(strstr(planned, waits[i]));
        pid_t next = house_expect_start(h, "signer");
        assert_int_not_equal(next, signer);
        signer = next;
        house_expect_answer(h, "signer", signer);
    }
    assert_int_equal(house_stop(h), 0);
    /* the front was told of each new way; the others were not touched */
    house_rewind(h);
    for (size_t i = 0; i < sizeof waits / sizeof waits[0]; i++)
        (void)house_expect(h, "front peer signer");
    house_rewind(h);
    (void)house_expect(h, "validator start");
    assert_null(house_heard(h, "validator start", 0));
    free(h);
}

/* A life that was long enough makes up for earlier deaths. */
static void forgives(void **state)
{
    static const struct variable variables[] = {
        {"TOY_BACKOFF_FIRST", "20"}, {"TOY_HEALTHY", "150"}, {NULL, NULL}};
    struct house *h = house_start(variables);

    (void)state;
    (void)house_expect(h, "ready ");
    pid_t signer = house_first_start(h, "signer");
    for (int i = 0; i < 2; i++) {
        (void)usleep(200 * 1000);
        assert_int_equal(kill(signer, SIGKILL), 0);
        const char *planned = house_expect(h, "proc.restart_planned");
        assert_non_null(strstr(planned, "wait_ms=20"));
        signer = house_expect_start(h, "signer");
    }
    assert_int_equal(house_stop(h), 0);
    free(h);
}

/* The front: its peers get the new way, it gets its listeners again. */
static void front_restarts(void **state)
{
    static const struct variable variables[] = {{"TOY_BACKOFF_FIRST", "20"},
                                                {NULL, NULL}};
    struct house *h = house_start(variables);

    (void)state;
    (void)house_expect(h, "ready ");
    pid_t signer = house_first_start(h, "signer");
    pid_t validator = house_first_start(h, "validator");
    pid_t front = house_first_start(h, "front");
    assert_int_equal(kill(front, SIGKILL), 0);
    size_t mark = h->len;
    h->read = mark;
    assert_int_not_equal(house_expect_start(h, "front"), front);
    house_expect_answer(h, "validator", validator);
    h->read = mark;
    house_expect_answer(h, "signer", signer);
    h->read = mark;
    (void)house_expect(h, "front listener 127.0.0.1:0");
    h->read = mark;
    (void)house_expect(h, "signer peer front");
    h->read = mark;
    (void)house_expect(h, "validator peer front");
    assert_int_equal(house_stop(h), 0);
    house_rewind(h);
    (void)house_expect(h, "ready https");
    assert_null(house_heard(h, "ready https", 0)); /* said once */
    free(h);
}

/* All at once, and two by two. */
static void all_killed(void **state)
{
    static const struct variable variables[] = {{"TOY_BACKOFF_FIRST", "20"},
                                                {NULL, NULL}};
    static const char *const roles[] = {"signer", "validator", "front"};
    struct house *h = house_start(variables);
    pid_t pids[3];

    (void)state;
    (void)house_expect(h, "ready ");
    for (size_t i = 0; i < 3; i++)
        pids[i] = house_first_start(h, roles[i]);
    for (unsigned int mask = 7; mask >= 5; mask--) {
        h->read = h->len;
        while (house_listen(h, clock_monotonic_us() + 5000))
            h->read = h->len;
        size_t mark = h->len;
        for (size_t i = 0; i < 3; i++) {
            if ((mask & 1U << i) != 0)
                assert_int_equal(kill(pids[i], SIGKILL), 0);
        }
        for (size_t i = 0; i < 3; i++) {
            h->read = mark;
            if ((mask & 1U << i) != 0)
                pids[i] = house_expect_start(h, roles[i]);
        }
        for (size_t i = 0; i < 2; i++) {
            h->read = mark;
            house_expect_answer(h, roles[i], pids[i]);
        }
    }
    assert_int_equal(house_stop(h), 0);
    free(h);
}

static void write_file(const char *path, const char *text)
{
    assert_int_equal(file_replace(path, span_of(text), 0600, NULL), ERR_OK);
}

/* A good configuration reaches all, also those who start later; a bad one nobody. */
static void reloads(void **state)
{
    char config[] = "/tmp/cairn-supervisor-XXXXXX";
    const struct variable variables[] = {
        {"TOY_CONFIG", config}, {"TOY_BACKOFF_FIRST", "20"}, {NULL, NULL}};
    int fd = mkstemp(config);

    (void)state;
    assert_true(fd >= 0);
    (void)close(fd);
    struct house *h = house_start(variables);
    (void)house_expect(h, "ready ");
    write_file(config, "second");
    assert_int_equal(kill(h->pid, SIGHUP), 0);
    size_t mark = h->len;
    static const char *const roles[] = {"signer", "validator", "front"};
    for (size_t i = 0; i < 3; i++) {
        char text[64];
        h->read = mark;
        (void)snprintf(text, sizeof text, "%s reload 1", roles[i]);
        (void)house_expect(h, text);
        (void)snprintf(text, sizeof text, "%s settings second", roles[i]);
        (void)house_expect(h, text);
    }
    h->read = mark;
    (void)house_expect(h, "proc.reloaded generation=1");
    write_file(config, "bad");
    assert_int_equal(kill(h->pid, SIGHUP), 0);
    assert_non_null(
        strstr(house_expect(h, "proc.reload_refused"), "the configuration is bad"));
    pid_t signer = house_first_start(h, "signer");
    assert_int_equal(kill(signer, SIGKILL), 0);
    h->read = h->len;
    (void)house_expect(
        h, "signer settings second"); /* what was checked, not what lies there */
    house_expect_answer(h, "signer", house_expect_start(h, "signer"));
    write_file(config, "third");
    assert_int_equal(kill(h->pid, SIGHUP), 0);
    (void)house_expect(h, "proc.reloaded generation=2");
    assert_int_equal(house_stop(h), 0);
    (void)unlink(config);
    free(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(starts_and_stops), cmocka_unit_test(restarts),
        cmocka_unit_test(forgives),         cmocka_unit_test(front_restarts),
        cmocka_unit_test(all_killed),       cmocka_unit_test(reloads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
