/* Tests of server/validate: validate_share. That a target that hangs delays no other one
 * is shown by whole programs in tests/flow/test_targets.py. */
#include "server/validate/validate_private.h"
#include "validate_world.h"

#include <stdio.h>
#include <string.h>

#define SHORT_MS 300
#define LONG_MS  3000

/* Who is told of one check. */
struct told {
    struct world *w;
    bool valid;
    char detail[512];
    char record[512];
};

static void on_done(void *argument, const struct validate_verdict *v)
{
    struct told *t = argument;

    t->valid = v->valid;
    (void)snprintf(t->detail, sizeof t->detail, "%s", v->detail);
    (void)snprintf(t->record, sizeof t->record, "%s", v->record);
    if (validate_running(t->w->validator) == 1)
        loop_stop(t->w->loop);
}

static void begin(struct world *w, const char *name, int64_t timeout_ms, struct told *t)
{
    const struct validate_question q = {.type = CHALLENGE_HTTP_01,
                                        .identifier = name,
                                        .token = TOKEN,
                                        .key_authorization = PROOF};

    *t = (struct told){.w = w};
    w->options.timeout_ms = timeout_ms;
    assert_true(validate_reload(w->validator, &w->options));
    validate_start(w->validator, &q, &(struct validate_listener){NULL, on_done, t});
}

/* The web server of these tests takes one connection at a time. */
static void each_in_its_turn(void **state)
{
    struct world *w = *state;
    static struct told told[40];

    w->options.connections_per_target = 1;
    for (size_t i = 0; i < 40; i++)
        begin(w, i % 2 == 0 ? "good.test" : "127.0.0.1", 10 * LONG_MS, &told[i]);
    loop_run(w->loop);
    for (size_t i = 0; i < 40; i++)
        assert_string_equal(told[i].detail, "");
    for (size_t i = 0; i < 40; i++)
        assert_true(told[i].valid);
    assert_int_equal(validate_share_targets(w->validator), 0);
}

/* Its time runs while a check waits. */
static void time_is_up(void **state)
{
    struct world *w = *state;
    struct told hanging;
    struct told late[3];

    w->answer = NULL;
    w->options.connections_per_target = 1;
    begin(w, "127.0.0.1", LONG_MS, &hanging);
    for (size_t i = 0; i < 3; i++)
        begin(w, "127.0.0.1", SHORT_MS, &late[i]);
    loop_run(w->loop);
    assert_non_null(strstr(hanging.detail, "no answer in time"));
    for (size_t i = 0; i < 3; i++) {
        assert_non_null(strstr(late[i].detail, "127.0.0.1:"));
        assert_non_null(strstr(late[i].detail,
                               " was not connected to for 127.0.0.1: other checks of "
                               "that address took all the time there was (of one "
                               "address at most 1 are under way at a time)"));
        assert_non_null(strstr(late[i].record, "\"error\":\"other checks"));
    }
    assert_int_equal(validate_share_targets(w->validator), 0);
}

static void stop(void *loop)
{
    loop_stop(loop);
}

/* The queue is bounded too: beyond it there is no waiting. */
static void queue_is_full(void **state)
{
    struct world *w = *state;
    static struct told waiting[1 + VALIDATE_SHARE_WAITING_MAX];
    struct told last;

    w->answer = NULL;
    w->options.connections_per_target = 1;
    for (size_t i = 0; i <= VALIDATE_SHARE_WAITING_MAX; i++)
        begin(w, "127.0.0.1", 10 * LONG_MS, &waiting[i]);
    begin(w, "127.0.0.1", SHORT_MS, &last);
    for (int i = 0; i < 100 && last.detail[0] == '\0'; i++) {
        loop_post(w->loop, stop, w->loop);
        loop_run(w->loop);
    }
    assert_non_null(strstr(last.detail, "too many other checks wait for that address"));
    /* tear_down frees those that wait */
    assert_int_equal(validate_running(w->validator), 1 + VALIDATE_SHARE_WAITING_MAX);
    assert_int_equal(validate_share_targets(w->validator), 1);
}

/* What counts as one target. The loop does not run, so nothing is dialled. */
static void targets(void **state)
{
    struct world *w = *state;
    static const struct {
        const char *address;
        size_t targets;
    } rows[] = {
        {"fd00:0:0:1::1", 1},   {"fd00:0:0:1:ffff::2", 1}, {"fd00:0:0:2::1", 2},
        {"64:ff9b::7f00:1", 3}, /* behind NAT64 each IPv4 address is one */
        {"64:ff9b::7f00:2", 4},
    };
    struct told told[sizeof rows / sizeof rows[0]];

    assert_true(address_network_parse(span_of("::/0"), &w->allowed));
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        begin(w, rows[i].address, LONG_MS, &told[i]);
        assert_int_equal(validate_share_targets(w->validator), rows[i].targets);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_in_its_turn, validate_world_set_up,
                                        validate_world_tear_down),
        cmocka_unit_test_setup_teardown(time_is_up, validate_world_set_up,
                                        validate_world_tear_down),
        cmocka_unit_test_setup_teardown(queue_is_full, validate_world_set_up,
                                        validate_world_tear_down),
        cmocka_unit_test_setup_teardown(targets, validate_world_set_up,
                                        validate_world_tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
