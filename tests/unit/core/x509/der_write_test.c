/* Tests of core/x509/der_write: the octets are those X.690 gives. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "core/base/text.h"
#include "core/x509/der_write.h"

#define ROOM 70000

static uint8_t room[ROOM];

static void assert_hex(const struct der_writer *w, const char *hex)
{
    struct span got = der_write_take(w);
    char text[2 * 64 + 1];

    assert_true(got.len <= 64);
    text_hex(text, got.data, got.len);
    assert_string_equal(text, hex);
}

static void integers(void **state)
{
    static const struct {
        const char *magnitude;
        size_t len;
        const char *hex;
    } rows[] = {
        {"", 0, "020100"},
        {"\x00", 1, "020100"},
        {"\x00\x00\x01", 3, "020101"},
        {"\x7f", 1, "02017f"},
        {"\x80", 1, "02020080"},
        {"\x00\x80", 2, "02020080"},
        {"\xff\xff", 2, "020300ffff"},
        {"\x01\x00", 2, "02020100"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct der_writer w = der_writer_make(room, sizeof room);
        der_write_unsigned(&w, span_make(rows[i].magnitude, rows[i].len));
        assert_hex(&w, rows[i].hex);
    }
}

static void lengths(void **state)
{
    static const struct {
        size_t len;
        const char *header;
    } rows[] = {{0, "0400"},         {1, "0401"},          {127, "047f"},
                {128, "048180"},     {255, "0481ff"},      {256, "04820100"},
                {65535, "0482ffff"}, {65536, "0483010000"}};
    static uint8_t content[65536];

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct der_writer w = der_writer_make(room, sizeof room);
        der_write_element(&w, DER_OCTET_STRING, span_make(content, rows[i].len));
        struct span got = der_write_take(&w);
        size_t header = strlen(rows[i].header) / 2;
        char text[16];
        assert_int_equal(got.len, header + rows[i].len);
        text_hex(text, got.data, header);
        assert_string_equal(text, rows[i].header);
    }
}

static void others(void **state)
{
    struct der_writer w = der_writer_make(room, sizeof room);
    size_t mark = der_write_mark(&w);

    (void)state;
    der_write_true(&w);
    der_write_bits(&w, span_of("ab"));
    der_write_raw(&w, span_make("\x05\x00", 2));
    der_write_wrap(&w, DER_SEQUENCE, mark);
    assert_hex(&w, "300a"
                   "0500"
                   "0303006162"
                   "0101ff");
}

/* X-GEN-7: UTCTime through 2049, GeneralizedTime from 2050 (RFC 5280 4.1.2.5). */
static void times(void **state)
{
    static const struct {
        int64_t seconds;
        const char *text;
        uint8_t tag;
    } rows[] = {
        {0, "700101000000Z", DER_UTC_TIME},
        {951782399, "000228235959Z", DER_UTC_TIME},
        {951782400, "000229000000Z", DER_UTC_TIME},
        {2524607999, "491231235959Z", DER_UTC_TIME},
        {2524608000, "20500101000000Z", DER_GENERALIZED_TIME},
        {253402300799, "99991231235959Z", DER_GENERALIZED_TIME},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct der_writer w = der_writer_make(room, sizeof room);
        der_write_time(&w, rows[i].seconds);
        struct span got = der_write_take(&w);
        assert_int_equal(got.data[0], rows[i].tag);
        assert_true(span_is(span_slice(got, 2, got.len), rows[i].text));
        struct der_reader r = der_read_start(got, 1);
        assert_true(der_read_time(&r) == rows[i].seconds);
        assert_int_equal(der_read_finish(&r, ERR_CRYPTO, "", NULL), ERR_OK);
    }
}

static void no_room(void **state)
{
    (void)state;
    for (size_t size = 0; size < 7; size++) {
        struct der_writer w = der_writer_make(room, size);
        size_t mark = der_write_mark(&w);
        der_write_element(&w, DER_OCTET_STRING, span_of("abc"));
        der_write_wrap(&w, DER_SEQUENCE, mark);
        assert_int_equal(der_write_take(&w).len, 0);
        der_write_true(&w); /* a failed writer stays so */
        assert_int_equal(der_write_take(&w).len, 0);
    }
    struct der_writer w = der_writer_make(room, 7);
    size_t mark = der_write_mark(&w);
    der_write_element(&w, DER_OCTET_STRING, span_of("abc"));
    der_write_wrap(&w, DER_SEQUENCE, mark);
    assert_hex(&w, "30050403616263");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers), cmocka_unit_test(lengths), cmocka_unit_test(others),
        cmocka_unit_test(times),    cmocka_unit_test(no_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
