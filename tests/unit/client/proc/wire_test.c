/* Tests of client/proc/wire. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client/proc/wire.h"
#include "core/base/clock.h"
#include "core/base/interrupt.h"

struct pair {
    struct arena *arena;
    int ends[2];
    struct err_info why;
};

static int set_up(void **state)
{
    struct pair *p = test_calloc(1, sizeof *p);

    p->arena = arena_new();
    *state = p;
    return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, p->ends);
}

static int tear_down(void **state)
{
    struct pair *p = *state;

    (void)close(p->ends[0]);
    (void)close(p->ends[1]);
    arena_free(p->arena);
    test_free(p);
    return 0;
}

static void what_is_sent_arrives(void **state)
{
    struct pair *p = *state;
    const struct wire_message m = {
        WIRE_SIGN, {span_of("one"), span_of(""), span_make("a\0b", 3)}, 3};
    struct wire_message read;

    assert_int_equal(wire_send(p->ends[0], &m, &p->why), ERR_OK);
    assert_int_equal(wire_receive(p->arena, p->ends[1], &read, NULL, &p->why), ERR_OK);
    assert_int_equal(read.type, WIRE_SIGN);
    assert_int_equal(read.count, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_true(span_equal(read.fields[i], m.fields[i]));
        assert_int_equal(read.fields[i].data[read.fields[i].len], 0);
    }
}

static ssize_t recv_octet(int fd, char *octet)
{
    return read(fd, octet, 1);
}

static void descriptors_can_be_handed_over(void **state)
{
    struct pair *p = *state;
    const struct wire_message m = {.type = WIRE_LISTEN};
    struct wire_message read;
    int passed = -7;
    int ends[2];

    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_int_equal(wire_send_descriptor(p->ends[0], &m, ends[1], &p->why), ERR_OK);
    assert_int_equal(wire_receive(p->arena, p->ends[1], &read, &passed, &p->why), ERR_OK);
    assert_true(passed > 2 && passed != ends[1]);
    assert_int_equal(fcntl(passed, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    assert_int_equal(write(passed, "x", 1), 1);
    char octet = 0;
    assert_int_equal(recv_octet(ends[0], &octet), 1);
    assert_int_equal(octet, 'x');
    assert_int_equal(wire_send(p->ends[0], &m, &p->why), ERR_OK);
    int none = -7;
    assert_int_equal(wire_receive(p->arena, p->ends[1], &read, &none, &p->why), ERR_OK);
    assert_int_equal(none, -1);
    (void)close(passed);
    (void)close(ends[0]);
    (void)close(ends[1]);
}

static void failures_travel(void **state)
{
    struct pair *p = *state;
    struct err_info failure = {0};
    struct wire_message read;

    (void)err_set(&failure, ERR_RATE_LIMITED, "too many %d", 7);
    failure.retry_after_seconds = 3600;
    assert_int_equal(wire_send_failure(p->ends[0], &failure, &p->why), ERR_OK);
    assert_int_equal(wire_receive(p->arena, p->ends[1], &read, NULL, &p->why), ERR_OK);
    assert_int_equal(wire_failure(&read, &p->why), ERR_RATE_LIMITED);
    assert_string_equal(p->why.detail, "too many 7");
    assert_int_equal(p->why.retry_after_seconds, 3600);
}

static void failures_that_make_no_sense(void **state)
{
    struct pair *p = *state;
    static const char *const codes[] = {"", "0", "-1", "99999", "x"};

    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        const struct wire_message m = {
            WIRE_FAIL, {span_of(codes[i]), span_of("0"), span_of("why")}, 3};
        assert_int_equal(wire_failure(&m, &p->why), ERR_PROTOCOL);
    }
    const struct wire_message other = {.type = WIRE_ANSWER};
    assert_int_equal(wire_failure(&other, &p->why), ERR_PROTOCOL);
}

static void a_call_gets_its_answer(void **state)
{
    struct pair *p = *state;
    const struct wire_message call = {WIRE_PRESENT, {span_of("token")}, 1};
    const struct wire_message answer = {WIRE_ANSWER, {span_of("done")}, 1};
    struct span text;

    assert_int_equal(wire_send(p->ends[1], &answer, &p->why), ERR_OK);
    assert_int_equal(wire_call(p->arena, p->ends[0], &call, &text, &p->why), ERR_OK);
    assert_true(span_is(text, "done"));
}

static void nobody_is_there(void **state)
{
    struct pair *p = *state;
    const struct wire_message m = {WIRE_SIGN, {span_of("x")}, 1};
    struct wire_message read;
    int ends[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    (void)close(ends[1]);
    assert_int_equal(wire_send(ends[0], &m, &p->why), ERR_IO);
    assert_int_equal(wire_receive(p->arena, ends[0], &read, NULL, &p->why), ERR_IO);
    (void)close(ends[0]);
}

/* A head is a length for each field behind type and count; what is out of bounds is
 * refused before memory is asked for. */
static void heads_out_of_bounds(void **state)
{
    static const uint32_t rows[][2 + WIRE_FIELDS_MAX] = {
        {WIRE_TYPE_COUNT, 0},
        {WIRE_SIGN, WIRE_FIELDS_MAX + 1},
        {WIRE_SIGN, 1, WIRE_MESSAGE_MAX + 1},
        {WIRE_SIGN, 1, UINT32_MAX},
    };
    struct pair *p = *state;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct wire_message read;
        assert_int_equal(send(p->ends[0], rows[i], sizeof rows[i], 0), sizeof rows[i]);
        assert_int_equal(wire_receive(p->arena, p->ends[1], &read, NULL, &p->why),
                         ERR_PROTOCOL);
    }
}

/* What must be waited for: a signal that came before does not end it, time or another
 * signal does. */
static void patience(void **state)
{
    struct pair *p = *state;
    const struct wire_message m = {.type = WIRE_ANSWER};
    struct wire_message read;
    int status = 0;

    assert_int_equal(wire_receive_until(p->arena, p->ends[1], &read,
                                        clock_monotonic_us() + 1000, &p->why),
                     ERR_TIMEOUT);
    pid_t child = fork();
    if (child == 0) {
        int64_t far = clock_monotonic_us() + 60000000;
        (void)signal(SIGINT, SIG_DFL);
        interrupt_watch();
        (void)raise(SIGINT);
        bool good =
            wire_receive(p->arena, p->ends[1], &read, NULL, &p->why) == ERR_INTERRUPTED &&
            wire_send(p->ends[0], &m, &p->why) == ERR_OK &&
            wire_receive_until(p->arena, p->ends[1], &read, far, &p->why) == ERR_OK &&
            read.type == WIRE_ANSWER;
        _exit(good ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_sent_arrives, set_up, tear_down),
        cmocka_unit_test_setup_teardown(descriptors_can_be_handed_over, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(failures_travel, set_up, tear_down),
        cmocka_unit_test_setup_teardown(failures_that_make_no_sense, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_call_gets_its_answer, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nobody_is_there, set_up, tear_down),
        cmocka_unit_test_setup_teardown(heads_out_of_bounds, set_up, tear_down),
        cmocka_unit_test_setup_teardown(patience, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
