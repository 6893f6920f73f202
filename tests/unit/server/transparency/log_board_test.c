/* Tests of server/transparency/log_board: which logs, in which order, and how many. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "core/base/base64.h"
#include "server/transparency/log_board.h"

#define DAY INT64_C(86400)
#define NOW INT64_C(1800000000) /* 2027-01-15T08:00:00Z */

static struct arena *arena;

/* One letter each: name; operator; c or s, for the API; when it takes certificates: a:
 * always, o: those that end before 2027, n: from 2027 on. */
static const struct log_board *board_of(const char *const *logs, const char *const *sets)
{
    const char *all[100];
    const struct log_board *board = NULL;
    struct settings *settings = NULL;
    struct err_info why = {0};
    size_t count = 0;

    for (; *sets != NULL; sets++)
        all[count++] = *sets;
    for (; *logs != NULL; logs++) {
        const char *l = *logs;
        AUTO(key) struct key *key = NULL;
        AUTO(buf) struct buf spki = buf_make(1000);
        assert_int_equal(key_generate(KEY_P256, 0, &key, NULL), ERR_OK);
        base64_add(&spki, key_spki(key));
        all[count++] = arena_printf(arena, "ct_logs.%c.key=%.*s", l[0], (int)spki.len,
                                    (const char *)spki.data);
        all[count++] =
            arena_printf(arena, "ct_logs.%c.url=https://%c.test/x", l[0], l[0]);
        all[count++] = arena_printf(arena, "ct_logs.%c.operator=%c", l[0], l[1]);
        if (l[2] == 's')
            all[count++] = arena_printf(arena, "ct_logs.%c.api=static", l[0]);
        if (l[3] == 'o')
            all[count++] = arena_printf(
                arena, "ct_logs.%c.not_after_before=2027-01-01T00:00:00Z", l[0]);
        if (l[3] == 'n')
            all[count++] = arena_printf(
                arena, "ct_logs.%c.not_after_from=2027-01-01T00:00:00Z", l[0]);
    }
    enum err result = settings_defaults(arena, "/ca", all, count, &settings, &why);
    if (result != ERR_OK)
        print_error("%s\n", why.detail);
    assert_int_equal(result, ERR_OK);
    assert_int_equal(log_board_new(arena, settings, &board, &why), ERR_OK);
    return board;
}

static void names_of(const struct log_board *board, const struct log_board_list *list,
                     size_t most, char *names)
{
    size_t count = list->count < most ? list->count : most;

    for (size_t i = 0; i < count; i++)
        names[i] = board->logs[list->places[i]].settings->name[0];
    names[count] = '\0';
}

/* Two are enough, and the first two always would be. */
static void first_ones(void **state)
{
    static const char *const logs[] = {"a1ca", "b1ca", "c1sa", "d2sa", "e2sa", NULL};
    static const char *const sets[] = {"profiles.classic.ct=required", NULL};
    const struct log_board *board = board_of(logs, sets);
    bool first[256] = {false};

    (void)state;
    for (int i = 0; i < 200; i++) {
        struct log_board_list list;
        char names[8];
        log_board_choose(board, "classic", NOW, NOW + 90 * DAY - 1, &list);
        assert_int_equal(list.count, 5);
        struct log_board_list two = list;
        two.count = 2;
        assert_true(log_board_suffices(board, &two, NOW, NOW + 90 * DAY - 1));
        two.count = 1;
        assert_false(log_board_suffices(board, &two, NOW, NOW + 90 * DAY - 1));
        names_of(board, &list, 2, names);
        /* one classic of operator 1, one static of operator 2 */
        assert_true((strpbrk(names, "ab") != NULL) && (strpbrk(names, "de") != NULL));
        first[(unsigned char)names[0]] = first[(unsigned char)names[1]] = true;
    }
    assert_true(first['a'] && first['b'] && first['d'] && first['e']);
}

static void enough(void **state)
{
    static const char *const logs[] = {"a1ca", "b1ca", "c2sa", "d2ca", "e3sa", NULL};
    static const char *const sets[] = {"profiles.classic.ct=required", NULL};
    const struct log_board *board = board_of(logs, sets);
    static const struct {
        const char *names;
        int days;
        bool good;
    } rows[] = {
        {"", 90, false},     {"a", 90, false},    {"ab", 90, false},  {"ac", 90, true},
        {"ca", 90, true},    {"ce", 90, false},   {"cd", 90, false},  {"cde", 90, true},
        {"abc", 90, true},   {"ad", 180, true},   {"ad", 181, false}, {"abd", 181, true},
        {"acde", 181, true}, {"abce", 181, true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct log_board_list list = {.count = strlen(rows[i].names)};
        for (size_t j = 0; j < list.count; j++)
            list.places[j] = (size_t)(rows[i].names[j] - 'a');
        assert_int_equal(
            log_board_suffices(board, &list, NOW, NOW + rows[i].days * DAY - 1),
            rows[i].good);
    }
}

/* Shards by time, and those a profile names. */
static void of_a_profile(void **state)
{
    static const char *const logs[] = {"a1co", "b1cn", "c2sa", "d2so", "e3sn", NULL};
    static const char *const sets[] = {"profiles.classic.ct=required",
                                       "profiles.few.ct=required",
                                       "profiles.few.ct_logs=a,c", NULL};
    const struct log_board *board = board_of(logs, sets);
    static const struct {
        const char *profile;
        int64_t not_after;
        const char *names;
    } rows[] = {
        {"classic", 1798761599, "acd"}, /* 2026-12-31T23:59:59Z */
        {"classic", 1798761600, "bce"}, {"few", 1798761599, "ac"},
        {"few", 1798761600, "c"},       {"gone", 1798761600, ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct log_board_list list;
        char names[8];
        log_board_choose(board, rows[i].profile, rows[i].not_after - DAY,
                         rows[i].not_after, &list);
        names_of(board, &list, 7, names);
        assert_int_equal(strlen(names), strlen(rows[i].names));
        for (const char *n = rows[i].names; *n != '\0'; n++)
            assert_non_null(strchr(names, *n));
    }
}

static int set_up(void **state)
{
    (void)state;
    arena = arena_new();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_ones),
        cmocka_unit_test(enough),
        cmocka_unit_test(of_a_profile),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
