/* Tests of client/renewal/ca_state. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/renewal/ca_state.h"
#include "core/base/file.h"
#include "core/base/text.h"

#define NOW   1800000000LL
#define CA    "https://ca.test/dir"
#define OTHER "https://other.test/dir"

struct place {
    struct arena *arena;
    char root[64];
    struct err_info why;
};

static int set_up(void **state)
{
    struct place *p = test_calloc(1, sizeof *p);

    (void)text_copy(p->root, sizeof p->root, "/tmp/cairn-ca-state-XXXXXX");
    p->arena = arena_new();
    *state = p;
    return mkdtemp(p->root) != NULL ? 0 : -1;
}

static void each_file(struct place *p, void (*act)(struct place *p, const char *path))
{
    char *folder = file_path(p->arena, p->root, "cas");
    DIR *d = opendir(folder);
    struct dirent *entry;

    while (d != NULL && (entry = readdir(d)) != NULL)
        if (entry->d_name[0] != '.')
            act(p, file_path(p->arena, folder, entry->d_name));
    if (d != NULL)
        (void)closedir(d);
}

static void take_away(struct place *p, const char *path)
{
    (void)p;
    (void)unlink(path);
}

static void damage(struct place *p, const char *path)
{
    if (strstr(path, ".json") != NULL)
        assert_int_equal(file_replace(path, span_of("{\"failures\":"), 0600, &p->why),
                         ERR_OK);
}

static int tear_down(void **state)
{
    struct place *p = *state;

    each_file(p, take_away);
    (void)rmdir(file_path(p->arena, p->root, "cas"));
    int result = rmdir(p->root);
    arena_free(p->arena);
    test_free(p);
    return result;
}

static enum err ask(struct place *p, const char *ca, int64_t now)
{
    p->why = (struct err_info){0};
    return ca_state_ask(p->arena, p->root, ca, now, &p->why);
}

static void note(struct place *p, enum err code, const char *detail, int wait,
                 int64_t now)
{
    struct err_info outcome = {0};

    if (code != ERR_OK)
        (void)err_set(&outcome, code, "%s", detail);
    outcome.retry_after_seconds = wait;
    assert_int_equal(ca_state_note(p->arena, p->root, CA, code, &outcome, now, &p->why),
                     ERR_OK);
}

static void out_of_reach(void **state)
{
    struct place *p = *state;
    static const int64_t waits[] = {60, 300, 900, 3600, 3600};
    int64_t now = NOW;

    assert_int_equal(ask(p, CA, now), ERR_OK);
    assert_int_equal(ask(p, CA, now), ERR_OK);
    for (size_t i = 0; i < sizeof waits / sizeof waits[0]; i++) {
        note(p, ERR_NETWORK, "nobody there", 0, now);
        assert_int_equal(ask(p, CA, now + waits[i] * 9 / 10 - 1), ERR_UNAVAILABLE);
        assert_non_null(strstr(p->why.detail, "nobody there"));
        assert_non_null(strstr(p->why.detail, CA));
        assert_in_range(p->why.retry_after_seconds, 1, waits[i] / 5 + 1);
        assert_int_equal(ask(p, OTHER, now), ERR_OK);
        now += waits[i] * 11 / 10;
        assert_int_equal(ask(p, CA, now), ERR_OK); /* one tries */
        assert_int_equal(ask(p, CA, now), ERR_UNAVAILABLE);
        assert_int_equal(ask(p, CA, now + CA_STATE_TRIAL_S - 1), ERR_UNAVAILABLE);
    }
    /* the one who tries was killed */
    assert_int_equal(ask(p, CA, now + CA_STATE_TRIAL_S), ERR_OK);
    note(p, ERR_OK, "", 0, now);
    for (int i = 0; i < 3; i++)
        assert_int_equal(ask(p, CA, now), ERR_OK);
}

static void an_answer_is_an_answer(void **state)
{
    static const enum err answers[] = {ERR_OK, ERR_VALIDATION, ERR_UNAUTHORIZED,
                                       ERR_REJECTED_IDENTIFIER, ERR_REFUSED};
    struct place *p = *state;

    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        note(p, ERR_UNAVAILABLE, "busy", 0, NOW);
        assert_int_equal(ask(p, CA, NOW + 1), ERR_UNAVAILABLE);
        note(p, answers[i], "so", 0, NOW + 2);
        assert_int_equal(ask(p, CA, NOW + 3), ERR_OK);
        assert_int_equal(ask(p, CA, NOW + 3), ERR_OK);
    }
}

static void who_was_interrupted_lets_another_try(void **state)
{
    struct place *p = *state;

    note(p, ERR_NETWORK, "away", 0, NOW);
    assert_int_equal(ask(p, CA, NOW + 70), ERR_OK);
    note(p, ERR_INTERRUPTED, "", 0, NOW + 71);
    assert_int_equal(ask(p, CA, NOW + 72), ERR_OK);
    assert_int_equal(ask(p, CA, NOW + 72), ERR_UNAVAILABLE);
}

static void what_the_ca_says_is_longer(void **state)
{
    struct place *p = *state;

    note(p, ERR_UNAVAILABLE, "maintenance", 7200, NOW);
    assert_int_equal(ask(p, CA, NOW + 7199), ERR_UNAVAILABLE);
    assert_int_equal(ask(p, CA, NOW + 7200), ERR_OK);
    note(p, ERR_UNAVAILABLE, "maintenance", INT32_MAX, NOW);
    assert_int_equal(ask(p, CA, NOW + 86399), ERR_UNAVAILABLE);
    assert_int_equal(ask(p, CA, NOW + 86400), ERR_OK);
}

static void a_limit_of_the_account(void **state)
{
    struct place *p = *state;

    note(p, ERR_RATE_LIMITED, "too many new orders (300) from this account", 3600, NOW);
    assert_int_equal(ask(p, CA, NOW + 3599), ERR_RATE_LIMITED);
    assert_int_equal(p->why.retry_after_seconds, 1);
    assert_non_null(strstr(p->why.detail, "too many new orders"));
    assert_non_null(strstr(p->why.detail, "2027-01-15T09:00:00Z"));
    assert_int_equal(ask(p, CA, NOW + 3600), ERR_OK);
}

static void a_limit_of_one_certificate(void **state)
{
    struct place *p = *state;
    const char *said = "too many certificates already issued for these names";

    note(p, ERR_RATE_LIMITED, said, 3600, NOW);
    assert_int_equal(ask(p, CA, NOW + 1), ERR_OK);
    note(p, ERR_OK, "", 0, NOW + 1);
    note(p, ERR_RATE_LIMITED, said, 3600, NOW + 2);
    assert_int_equal(ask(p, CA, NOW + 3), ERR_OK);
    note(p, ERR_RATE_LIMITED, said, 3600, NOW + 4); /* and one more at once */
    assert_int_equal(ask(p, CA, NOW + 5), ERR_RATE_LIMITED);
}

static void a_clock_that_was_set_back(void **state)
{
    struct place *p = *state;

    note(p, ERR_NETWORK, "away", 0, NOW + 90000);
    assert_int_equal(ask(p, CA, NOW), ERR_OK);
    note(p, ERR_RATE_LIMITED, "of the account", 3600, NOW + 90000);
    assert_int_equal(ask(p, CA, NOW), ERR_OK);
}

static void a_damaged_file_is_no_disaster(void **state)
{
    struct place *p = *state;

    note(p, ERR_NETWORK, "away", 0, NOW);
    each_file(p, damage);
    assert_int_equal(ask(p, CA, NOW), ERR_OK);
    note(p, ERR_NETWORK, "away", 0, NOW);
    assert_int_equal(ask(p, CA, NOW), ERR_UNAVAILABLE);
}

#define ROW(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROW(out_of_reach),
        ROW(an_answer_is_an_answer),
        ROW(who_was_interrupted_lets_another_try),
        ROW(what_the_ca_says_is_longer),
        ROW(a_limit_of_the_account),
        ROW(a_limit_of_one_certificate),
        ROW(a_clock_that_was_set_back),
        ROW(a_damaged_file_is_no_disaster),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
