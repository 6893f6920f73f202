/* Tests of server/gate/nonce with clocks that jump: there are always fresh nonces, and
 * none is ever good twice. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/file.h"
#include "server/gate/nonce.h"

#define MINUTE_MS 60000LL
#define HOUR_MS   (60 * MINUTE_MS)
#define YEAR_MS   (365 * 24 * HOUR_MS)

struct world {
    char directory[64];
    char path[96];
    struct nonce_jar *jar;
    struct arena *arena;
    struct err_info why;
};

static int set_up(void **state)
{
    struct world *w = calloc(1, sizeof *w);

    (void)snprintf(w->directory, sizeof w->directory, "/tmp/cairn-nonce-XXXXXX");
    if (mkdtemp(w->directory) == NULL)
        return -1;
    (void)snprintf(w->path, sizeof w->path, "%s/nonces", w->directory);
    w->arena = arena_new();
    clock_shift_ms(0);
    *state = w;
    return nonce_jar_open(w->path, &w->jar, &w->why);
}

static int tear_down(void **state)
{
    struct world *w = *state;

    nonce_jar_close(w->jar);
    (void)unlink(w->path);
    (void)rmdir(w->directory);
    arena_free(w->arena);
    free(w);
    return 0;
}

static const char *give(struct world *w)
{
    char *text = arena_get(w->arena, NONCE_TEXT_SIZE);

    assert_int_equal(nonce_give(w->jar, text, &w->why), ERR_OK);
    return text;
}

static enum err take(struct world *w, const char *text)
{
    return nonce_take(w->jar, w->arena, text, &w->why);
}

/* A nonce of now is given, good once, and not twice. */
static const char *works(struct world *w)
{
    const char *nonce = give(w);

    assert_int_equal(take(w, nonce), ERR_OK);
    assert_int_equal(take(w, nonce), ERR_BAD_NONCE);
    return nonce;
}

/* An hour of service under each of these clocks, one after the other: each minute of each
 * has nonces, and what was used stays used. */
static void jumps(void **state)
{
    static const int64_t clocks[] = {
        0,        24 * HOUR_MS, -HOUR_MS, -10 * YEAR_MS, 10 * YEAR_MS, 0,
        -YEAR_MS, 70 * YEAR_MS, 0,        MINUTE_MS,     -MINUTE_MS,   0};
    struct world *w = *state;
    const char *used[sizeof clocks / sizeof clocks[0]][70];

    for (size_t i = 0; i < sizeof clocks / sizeof clocks[0]; i++) {
        for (int minute = 0; minute < 70; minute++) {
            clock_shift_ms(clocks[i] + minute * MINUTE_MS);
            used[i][minute] = works(w);
        }
        for (size_t before = 0; before <= i; before++)
            for (int minute = 0; minute < 70; minute++)
                assert_int_equal(take(w, used[before][minute]), ERR_BAD_NONCE);
    }
}

/* A clock goes back far and comes again to where it was: used nonces of that minute are
 * not given, or good, a second time. */
static void the_same_minute_again(void **state)
{
    struct world *w = *state;
    const char *used[8];

    clock_shift_ms(0);
    for (size_t i = 0; i < 8; i++)
        used[i] = works(w);
    const char *unused = give(w);
    for (int minute = 0; minute < 70; minute++) {
        clock_shift_ms(-YEAR_MS + minute * MINUTE_MS);
        (void)works(w);
    }
    clock_shift_ms(0);
    for (size_t i = 0; i < 32; i++) {
        const char *fresh = works(w);
        for (size_t j = 0; j < 8; j++) {
            assert_string_not_equal(fresh, used[j]);
            assert_int_equal(take(w, used[j]), ERR_BAD_NONCE);
        }
    }
    assert_int_equal(take(w, unused), ERR_BAD_NONCE);
}

/* A small step, as a leap second or a correction makes, loses nothing. */
static void small_steps(void **state)
{
    struct world *w = *state;

    for (int64_t ms = -MINUTE_MS; ms <= MINUTE_MS; ms += 500) {
        clock_shift_ms(ms);
        const char *nonce = give(w);
        clock_shift_ms(ms - 1500);
        assert_int_equal(take(w, nonce), ERR_OK);
        clock_shift_ms(ms + 1500);
        assert_int_equal(take(w, nonce), ERR_BAD_NONCE);
    }
}

/* A restart under another clock. */
static void restart_in_another_year(void **state)
{
    struct world *w = *state;
    const char *used = works(w);

    nonce_jar_close(w->jar);
    clock_shift_ms(-10 * YEAR_MS);
    assert_int_equal(nonce_jar_open(w->path, &w->jar, &w->why), ERR_OK);
    for (int minute = 0; minute < 70; minute++) {
        clock_shift_ms(-10 * YEAR_MS + minute * MINUTE_MS);
        (void)works(w);
    }
    clock_shift_ms(0);
    assert_int_equal(take(w, used), ERR_BAD_NONCE);
    (void)works(w);
}

/* After a power loss, as another boot finds the file: bits of used nonces may be lost, so
 * nothing older is good; and what is left of them must not spoil what is given now. */
static void power_loss(void **state)
{
    struct world *w = *state;
    struct span octets = {0};

    for (int i = 0; i < 200; i++)
        (void)works(w);
    const char *unused = give(w);
    assert_int_equal(file_read(w->arena, w->path, 1 << 27, &octets, &w->why), ERR_OK);
    nonce_jar_close(w->jar);
    uint8_t *left = arena_get(w->arena, octets.len);
    memcpy(left, octets.data, octets.len);
    assert_int_not_equal(left[40], 0); /* the boot's name, behind magic and key */
    memset(left + 40, 'x', 36);
    assert_int_equal(file_replace(w->path, span_make(left, octets.len), 0600, &w->why),
                     ERR_OK);
    assert_int_equal(nonce_jar_open(w->path, &w->jar, &w->why), ERR_OK);
    assert_int_equal(take(w, unused), ERR_BAD_NONCE);
    for (int i = 0; i < 300; i++)
        (void)works(w);
}

static void old_ones_are_refused(void **state)
{
    struct world *w = *state;
    const char *nonce = give(w);

    clock_shift_ms((NONCE_LIFETIME_SECONDS - 60) * 1000LL);
    assert_int_equal(take(w, nonce), ERR_OK);
    clock_shift_ms(0);
    nonce = give(w);
    clock_shift_ms((NONCE_LIFETIME_SECONDS + 120) * 1000LL);
    assert_int_equal(take(w, nonce), ERR_BAD_NONCE);
    assert_non_null(strstr(w->why.detail, "too old"));
}

/* Used nonces need no housekeeping: whatever is given and used, the file has its size
 * from the beginning, and takes no more of the disk. */
static void takes_the_same_room_for_ever(void **state)
{
    struct world *w = *state;
    struct stat before;
    struct stat after;

    assert_int_equal(stat(w->path, &before), 0);
    for (int hour = 0; hour < 5; hour++) {
        for (int minute = 0; minute < 60; minute++) {
            clock_shift_ms(hour * HOUR_MS + minute * MINUTE_MS);
            for (int i = 0; i < 50; i++)
                (void)works(w);
        }
    }
    assert_int_equal(stat(w->path, &after), 0);
    assert_int_equal(after.st_size, before.st_size);
    assert_int_equal(after.st_blocks, before.st_blocks);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(jumps),
        TEST(the_same_minute_again),
        TEST(small_steps),
        TEST(restart_in_another_year),
        TEST(power_loss),
        TEST(old_ones_are_refused),
        TEST(takes_the_same_room_for_ever),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
