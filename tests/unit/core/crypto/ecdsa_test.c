/* Tests of core/crypto/ecdsa. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "core/base/text.h"
#include "core/crypto/ecdsa.h"

static size_t octets(const char *hex, uint8_t *to, size_t room)
{
    size_t len = 0;
    assert_true(text_unhex(span_of(hex), to, room, &len));
    return len;
}

static void both_ways(void **state)
{
    static const struct {
        const char *raw; /* two numbers of two octets */
        const char *der;
    } rows[] = {
        {"01020304", "3008020201020202"
                     "0304"},
        {"00010080", "300702010102020080"},
        {"80008001", "300a0203008000020300"
                     "8001"},
        {"00000000", "3006020100020100"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint8_t raw[4], der[ECDSA_DER_MAX], expected[32], back[4];
        size_t raw_len = octets(rows[i].raw, raw, sizeof raw);
        size_t expected_len = octets(rows[i].der, expected, sizeof expected);
        size_t len = ecdsa_to_der(span_make(raw, raw_len), 2, der);
        assert_int_equal(len, expected_len);
        assert_memory_equal(der, expected, len);
        assert_true(ecdsa_to_raw(span_make(der, len), 2, back));
        assert_memory_equal(back, raw, sizeof raw);
    }
}

static void longest(void **state)
{
    uint8_t raw[132], der[ECDSA_DER_MAX], back[132];

    (void)state;
    memset(raw, 0xff, sizeof raw);
    assert_int_equal(ecdsa_to_der(span_make(raw, sizeof raw), 66, der), ECDSA_DER_MAX);
    assert_true(ecdsa_to_raw(span_make(der, sizeof der), 66, back));
    assert_memory_equal(back, raw, sizeof raw);
}

static void wrong_lengths(void **state)
{
    uint8_t raw[132] = {0}, der[ECDSA_DER_MAX];

    (void)state;
    assert_int_equal(ecdsa_to_der(span_make(raw, 63), 32, der), 0);
    assert_int_equal(ecdsa_to_der(span_make(raw, 65), 32, der), 0);
    assert_int_equal(ecdsa_to_der(span_make(raw, 0), 32, der), 0);
    assert_int_equal(ecdsa_to_der(span_make(raw, 0), 0, der), 0);
}

static void bad_der(void **state)
{
    static const char *const rows[] = {
        "",
        "3006020100",             /* cut off */
        "300602010002010000",     /* something behind */
        "3009020100020100020100", /* three numbers */
        "3003020100",             /* one number */
        "30060201ff020100",       /* negative */
        "300702020001020100",     /* not minimal */
        "3081060201000201"
        "00", /* length not minimal */
        "300802030100000201"
        "00",               /* too long for two octets */
        "3106020100020100", /* SET */
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint8_t der[32], raw[4];
        size_t len = octets(rows[i], der, sizeof der);
        assert_false(ecdsa_to_raw(span_make(der, len), 2, raw));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_ways),
        cmocka_unit_test(longest),
        cmocka_unit_test(wrong_lengths),
        cmocka_unit_test(bad_der),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
