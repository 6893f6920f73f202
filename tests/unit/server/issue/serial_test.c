/* Tests of server/issue/serial. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "server/issue/serial.h"

#define MANY 2000

static int compare(const void *a, const void *b)
{
    return memcmp(a, b, SERIAL_SIZE);
}

/* X-GEN-3 */
static void made(void **state)
{
    static uint8_t serials[MANY][SERIAL_SIZE];
    size_t ones = 0;

    (void)state;
    for (size_t i = 0; i < MANY; i++) {
        uint32_t seconds = 0;
        serial_make(1800000000, serials[i]);
        assert_int_equal(serials[i][0], 0x2a); /* positive, never zero */
        assert_true(serial_read_time(span_make(serials[i], SERIAL_SIZE), &seconds));
        assert_int_equal(seconds, 1800000000);
        for (size_t j = 5; j < SERIAL_SIZE; j++)
            ones += (size_t)__builtin_popcount(serials[i][j]);
    }
    qsort(serials, MANY, SERIAL_SIZE, compare);
    for (size_t i = 1; i < MANY; i++)
        assert_int_not_equal(compare(serials[i - 1], serials[i]), 0);
    /* 176,000 random bits: half of them are ones, within 7 standard deviations */
    assert_in_range(ones, 88000 - 1500, 88000 + 1500);
}

/* Later ones sort behind, so that an index grows at its end. */
static void in_order(void **state)
{
    uint8_t earlier[SERIAL_SIZE];
    uint8_t later[SERIAL_SIZE];

    (void)state;
    for (int64_t now = 1; now < INT64_C(4294967295); now = now * 3 + 1) {
        serial_make(now, earlier);
        serial_make(now + 1, later);
        assert_true(compare(earlier, later) < 0);
    }
}

static void not_ours(void **state)
{
    uint8_t serial[SERIAL_SIZE + 1] = {0};
    uint32_t seconds = 7;

    (void)state;
    serial_make(1, serial);
    assert_false(serial_read_time(span_make(serial, SERIAL_SIZE - 1), &seconds));
    assert_false(serial_read_time(span_make(serial, SERIAL_SIZE + 1), &seconds));
    assert_false(serial_read_time(span_make(NULL, 0), &seconds));
    serial[0] = 0x2b;
    assert_false(serial_read_time(span_make(serial, SERIAL_SIZE), &seconds));
    assert_int_equal(seconds, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(made),
        cmocka_unit_test(in_order),
        cmocka_unit_test(not_ours),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
