/* Tests of core/x509/device_name: the octets of RFC 4043 and RFC 4108, written and read.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "core/x509/device_name.h"

#define OCTETS(text)                                                                     \
    {                                                                                    \
        (const uint8_t *)(text), sizeof(text) - 1                                        \
    }

static const struct {
    struct device_name name;
    struct span general_name;
} rows[] = {
    {{DEVICE_NAME_PERMANENT, OCTETS("ABCDEF123456"), {0}},
     OCTETS("\xa0\x1c\x06\x08\x2b\x06\x01\x05\x05\x07\x08\x03\xa0\x10\x30\x0e\x0c\x0c"
            "ABCDEF123456")},
    {{DEVICE_NAME_PERMANENT, OCTETS("ABCDEF123456"), OCTETS("\x2a\x03\x04")},
     OCTETS("\xa0\x21\x06\x08\x2b\x06\x01\x05\x05\x07\x08\x03\xa0\x15\x30\x13\x0c\x0c"
            "ABCDEF123456\x06\x03\x2a\x03\x04")},
    {{DEVICE_NAME_MODULE, OCTETS("ABCD"), OCTETS("\x2a\x03\x04")},
     OCTETS("\xa0\x19\x06\x08\x2b\x06\x01\x05\x05\x07\x08\x04\xa0\x0d\x30\x0b\x06\x03\x2a"
            "\x03\x04\x04\x04"
            "ABCD")},
};

#define ROW_COUNT (sizeof rows / sizeof rows[0])

static void written(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROW_COUNT; i++) {
        uint8_t room[200];
        struct der_writer w = der_writer_make(room, sizeof room);
        device_name_write(&w, &rows[i].name);
        assert_true(span_equal(der_write_take(&w), rows[i].general_name));
    }
}

static void read_again(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROW_COUNT; i++) {
        struct device_name name = {0};
        struct span content = span_slice(rows[i].general_name, 2, 200);
        assert_int_equal(device_name_read(content, &name), rows[i].name.kind);
        assert_true(span_equal(name.id, rows[i].name.id));
        assert_true(span_equal(name.oid, rows[i].name.oid));
        for (size_t cut = 0; cut < content.len; cut++)
            assert_true(device_name_read(span_slice(content, 0, cut), &name) <=
                        DEVICE_NAME_MALFORMED);
    }
}

static void unusual(void **state)
{
#define PERMANENT "\x06\x08\x2b\x06\x01\x05\x05\x07\x08\x03"
#define MODULE    "\x06\x08\x2b\x06\x01\x05\x05\x07\x08\x04"
    static const struct {
        const char *what;
        struct span content;
        enum device_name_kind kind;
    } cases[] = {
        {"another otherName", OCTETS("\x06\x03\x2a\x03\x04\xa0\x02\x05\x00"),
         DEVICE_NAME_NONE},
        {"serial with the tag [4]",
         OCTETS(MODULE "\xa0\x0d\x30\x0b\x06\x03\x2a\x03\x04\x84\x04"
                       "ABCD"),
         DEVICE_NAME_MODULE},
        {"nothing in it", OCTETS(PERMANENT "\xa0\x02\x30\x00"), DEVICE_NAME_MALFORMED},
        {"assigner only", OCTETS(PERMANENT "\xa0\x07\x30\x05\x06\x03\x2a\x03\x04"),
         DEVICE_NAME_MALFORMED},
        {"no UTF8String",
         OCTETS(PERMANENT "\xa0\x05\x30\x03\x13\x01"
                          "A"),
         DEVICE_NAME_MALFORMED},
        {"something behind",
         OCTETS(PERMANENT "\xa0\x07\x30\x05\x0c\x01"
                          "A\x05\x00"),
         DEVICE_NAME_MALFORMED},
        {"no type", OCTETS(MODULE "\xa0\x05\x30\x03\x04\x01\x41"), DEVICE_NAME_MALFORMED},
        {"value not explicit", OCTETS(PERMANENT "\x30\x03\x0c\x01\x41"),
         DEVICE_NAME_MALFORMED},
    };
    struct device_name name;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        if (device_name_read(cases[i].content, &name) != cases[i].kind)
            fail_msg("%s", cases[i].what);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(written),
        cmocka_unit_test(read_again),
        cmocka_unit_test(unusual),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
