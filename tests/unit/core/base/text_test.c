/* Tests of core/base/text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "core/base/text.h"

static void durations(void **state)
{
    static const struct {
        const char *text;
        bool good;
        int64_t ms;
    } rows[] = {
        {"0", true, 0},
        {"250ms", true, 250},
        {"20s", true, 20000},
        {"15m", true, 900000},
        {"36h", true, 129600000},
        {"90d", true, 7776000000},
        {"", false, 0},
        {"90", false, 0},
        {"d", false, 0},
        {"-1d", false, 0},
        {"1 d", false, 0},
        {"9223372036854775807d", false, 0},
        {"99999999999999999999s", false, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int64_t ms = -7;
        assert_int_equal(text_duration_ms(span_of(rows[i].text), &ms), rows[i].good);
        assert_int_equal(ms, rows[i].good ? rows[i].ms : -7);
    }
}

static void numbers(void **state)
{
    static const struct {
        const char *text;
        uint64_t max;
        bool good;
        uint64_t value;
    } rows[] = {
        {"0", 10, true, 0},
        {"10", 10, true, 10},
        {"11", 10, false, 0},
        {"+2", 10, false, 0},
        {" 2", 10, false, 0},
        {"2x", 10, false, 0},
        {"", 10, false, 0},
        {"007", 10, true, 7},
        {"5", 4, false, 0},
        {"18446744073709551615", UINT64_MAX, true, UINT64_MAX},
        {"18446744073709551616", UINT64_MAX, false, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint64_t value = 99;
        assert_int_equal(text_number(span_of(rows[i].text), rows[i].max, &value),
                         rows[i].good);
        assert_true(value == (rows[i].good ? rows[i].value : 99));
    }
}

static void utf8(void **state)
{
    static const struct {
        const char *text;
        bool good;
    } rows[] = {
        {"plain", true},
        {"\xc3\xbc", true},
        {"\xf0\x9f\x98\x80", true},
        {"\xc0\x80", false},
        {"\xed\xa0\x80", false},
        {"\xff", false},
        {"\xf5\x80\x80\x80", false},
        {"\xc3", false},
        {"\xe2\x82", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(text_is_utf8(span_of(rows[i].text)), rows[i].good);
}

static void printable(void **state)
{
    char text[] = "a\x01"
                  "b\nc\xff\xc3\xbc\x7f";

    (void)state;
    text_make_printable(text);
    assert_string_equal(text, "a?b?c?\xc3\xbc?");

    /* U+061C, U+202E, U+2066, U+2028, and neighbours that are harmless */
    char turning[] =
        "\xd8\x9c|\xe2\x80\xae|\xe2\x81\xa6|\xe2\x80\xa8|\xd8\x9d|\xe2\x80\xa7|"
        "\xe2\x80\xaf|\xe2\x81\xaa";
    text_make_printable(turning);
    assert_string_equal(turning, "??|???|???|???|\xd8\x9d|\xe2\x80\xa7|\xe2\x80\xaf|"
                                 "\xe2\x81\xaa");
}

static void distance(void **state)
{
    (void)state;
    assert_int_equal(text_distance("resolver", "resolver"), 0);
    assert_int_equal(text_distance("resolvr", "resolver"), 1);
    assert_int_equal(text_distance("", "abc"), 3);
    assert_int_equal(text_distance("kitten", "sitting"), 3);
}

static void hexadecimal(void **state)
{
    uint8_t octets[4];
    char text[9];
    size_t len = 0;

    (void)state;
    assert_true(text_unhex(span_of("00fFA1"), octets, sizeof octets, &len));
    assert_int_equal(len, 3);
    text_hex(text, octets, len);
    assert_string_equal(text, "00ffa1");
    assert_false(text_unhex(span_of("0"), octets, sizeof octets, &len));
    assert_false(text_unhex(span_of("0g"), octets, sizeof octets, &len));
    assert_false(text_unhex(span_of("0011223344"), octets, sizeof octets, &len));
}

static void resemblance(void **state)
{
    static const struct {
        const char *word;
        const char *known;
        bool like;
    } rows[] = {
        {"serv", "serve", true},
        {"servee", "serve", true},
        {"check", "check-config", true},
        {"sreve", "serve", true},
        {"--dirr", "--dir", true},
        {"--jsn", "--json", true},
        {"--foo", "--ca", false},
        {"nothing", "init", false},
        {"x", "init", false},
        {"", "init", false},
        {"i", "init", false},
        {"-", "-v", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(text_resembles(rows[i].word, rows[i].known), rows[i].like);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(durations),   cmocka_unit_test(numbers),
        cmocka_unit_test(utf8),        cmocka_unit_test(printable),
        cmocka_unit_test(distance),    cmocka_unit_test(resemblance),
        cmocka_unit_test(hexadecimal),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
