/* Tests of core/crypto/der_read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "core/base/text.h"
#include "core/crypto/der_read.h"

/* Octets of a row, given as hexadecimal. */
struct octets {
    uint8_t data[64];
    size_t len;
};

static struct span from_hex(const char *hex, struct octets *o)
{
    assert_true(text_unhex(span_of(hex), o->data, sizeof o->data, &o->len));
    return span_make(o->data, o->len);
}

enum kind {
    ANY,
    BOOLEAN,
    INTEGER,
    UNSIGNED,
    SMALL, /* at most 300 */
    BITS,
    NAMED_BITS,
    OID,
    NUL,
    TIME,
    SEQUENCE /* of INTEGERs */
};

/* Read one element; what is seen is given as a number. */
static int64_t read_as(struct der_reader *r, enum kind kind)
{
    int64_t sum = 0;

    switch (kind) {
    case ANY:
        return (int64_t)der_read_tlv(r, NULL).len;
    case BOOLEAN:
        return der_read_boolean(r);
    case INTEGER:
        return (int64_t)der_read_integer(r).len;
    case UNSIGNED:
        return (int64_t)der_read_unsigned(r).len;
    case SMALL:
        return der_read_small(r, 300);
    case BITS:
        return (int64_t)der_read_bits(r).len;
    case NAMED_BITS:
        return der_read_named_bits(r);
    case OID:
        return (int64_t)der_read_oid(r).len;
    case NUL:
        der_read_null(r);
        return 0;
    case TIME:
        return der_read_time(r);
    case SEQUENCE:
        der_read_enter(r, DER_SEQUENCE);
        while (der_read_more(r))
            sum += der_read_small(r, 300);
        der_read_leave(r);
        return sum;
    }
    return -1;
}

static void good(void **state)
{
    static const struct {
        enum kind kind;
        const char *hex;
        int64_t seen;
    } rows[] = {
        {ANY, "0400", 0},
        {ANY, "a003020101", 3},
        {ANY, "8001ff", 1},
        {BOOLEAN, "010100", 0},
        {BOOLEAN, "0101ff", 1},
        {INTEGER, "020100", 1},
        {INTEGER, "0201ff", 1},
        {INTEGER, "02020080", 2},
        {INTEGER, "0202ff7f", 2},
        {UNSIGNED, "020100", 0},
        {UNSIGNED, "02020080", 1},
        {SMALL, "020100", 0},
        {SMALL, "0202012c", 300},
        {BITS, "030100", 0},
        {BITS, "030200ff", 1},
        {NAMED_BITS, "030100", 0},
        {NAMED_BITS, "03020780", 1},
        {NAMED_BITS, "030205a0", 5},
        {NAMED_BITS, "0303070080", 256},
        {OID, "06032b6570", 3},
        {OID, "06082a8648ce3d030107", 8},
        {NUL, "0500", 0},
        {TIME, "170d3730303130313030303030305a", 0},
        {TIME, "170d3439313233313233353935395a", 2524607999},
        {TIME, "170d3530303130313030303030305a", -631152000},
        {TIME, "180f32303530303130313030303030305a", 2524608000},
        {TIME, "180f39393939313233313233353935395a", 253402300799},
        {SEQUENCE, "3000", 0},
        {SEQUENCE, "30070201010202012c", 301},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct octets o;
        struct err_info why = {0};
        struct der_reader r = der_read_start(from_hex(rows[i].hex, &o), 2);
        assert_int_equal(read_as(&r, rows[i].kind), rows[i].seen);
        assert_true(der_read_ok(&r));
        if (der_read_finish(&r, ERR_BAD_CSR, "it", &why) != ERR_OK)
            fail_msg("%s: %s", rows[i].hex, why.detail);
    }
}

static void bad(void **state)
{
    static const struct {
        enum kind kind;
        const char *hex;
        const char *sentence; /* part of it */
    } rows[] = {
        {ANY, "", "missing"},
        {ANY, "04", "cut off"},
        {ANY, "0401", "longer"},
        {ANY, "040001", "behind its end"},
        {ANY, "0480", "indefinite"},
        {ANY, "30800000", "indefinite"},
        {ANY, "048100", "more octets than it needs"},
        {ANY, "04817f", "more octets than it needs"},
        {ANY, "04820080", "more octets than it needs"},
        {ANY, "0481", "cut off"},
        {ANY, "048201", "cut off"},
        {ANY, "0484ffffffff", "longer"},
        {ANY, "04850100000000", "too large"},
        {ANY, "04ff", "too large"},
        {ANY, "1f8101", "tag"},
        {ANY, "bf8101", "tag"},
        {ANY, "0000", "tag"},
        {ANY, "1000", "tag"}, /* primitive SEQUENCE */
        {ANY, "2400", "tag"}, /* constructed OCTET STRING */
        {ANY, "230403020000", "tag"},
        {BOOLEAN, "010101", "BOOLEAN"},
        {BOOLEAN, "0100", "BOOLEAN"},
        {BOOLEAN, "01020000", "BOOLEAN"},
        {BOOLEAN, "0201ff", "type"},
        {INTEGER, "0200", "without octets"},
        {INTEGER, "02020001", "more octets than it needs"},
        {INTEGER, "0202ff80", "more octets than it needs"},
        {UNSIGNED, "0201ff", "negative"},
        {UNSIGNED, "0202007f", "more octets than it needs"},
        {SMALL, "0202012d", "too large"},
        {SMALL, "020601000000012c", "too large"},
        {SMALL, "020501000000ff", "too large"},
        {BITS, "0300", "whole octets"},
        {BITS, "03020100", "whole octets"},
        {NAMED_BITS, "0300", "flags"},
        {NAMED_BITS, "030101", "flags"},
        {NAMED_BITS, "03020880", "flags"},
        {NAMED_BITS, "03020480", "bits it does not need"},
        {NAMED_BITS, "03020600", "bits it does not need"},
        {NAMED_BITS, "030206e0", "bits it does not need"},
        {NAMED_BITS, "0303000000", "bits it does not need"},
        {NAMED_BITS, "030400000001", "too long"},
        {OID, "0600", "cut off"},
        {OID, "06022b81", "cut off"},
        {OID, "06032b8001", "more octets than it needs"},
        {OID, "060181", "cut off"},
        {NUL, "050100", "NULL"},
        {TIME, "170b373030313031303030305a", "time"},     /* no seconds */
        {TIME, "170d3730303233303030303030305a", "time"}, /* 30 February */
        {TIME, "170d3730303130313030303036305a", "time"}, /* second 60 */
        {TIME, "170d373030313031303030303030ff", "time"},
        {TIME, "17113730303130313030303030302b30303030", "time"},
        {TIME, "180f3230353030313031303030302e305a", "time"},
        {TIME, "040d3730303130313030303030305a", "time"},
        {SEQUENCE, "30060201010202012c", "longer"},
        {SEQUENCE, "3003040100", "type"},
        {SEQUENCE, "3103020101", "type"},
        {SEQUENCE, "3003020101ff", "behind its end"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct octets o;
        struct err_info why = {0};
        struct der_reader r = der_read_start(from_hex(rows[i].hex, &o), 2);
        (void)read_as(&r, rows[i].kind);
        assert_int_equal(der_read_finish(&r, ERR_BAD_CSR, "it", &why), ERR_BAD_CSR);
        if (strstr(why.detail, rows[i].sentence) == NULL)
            fail_msg("%s: \"%s\"", rows[i].hex, why.detail);
    }
}

static void long_lengths(void **state)
{
    static uint8_t data[70000];
    static const struct {
        uint8_t header[5];
        size_t header_len;
        size_t len;
    } rows[] = {
        {{0x04, 0x7f}, 2, 127},
        {{0x04, 0x81, 0x80}, 3, 128},
        {{0x04, 0x81, 0xff}, 3, 255},
        {{0x04, 0x82, 0x01, 0x00}, 4, 256},
        {{0x04, 0x83, 0x01, 0x00, 0x00}, 5, 65536},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        memcpy(data, rows[i].header, rows[i].header_len);
        size_t whole = rows[i].header_len + rows[i].len;
        struct der_reader r = der_read_start(span_make(data, whole), 0);
        assert_int_equal(der_read_expect(&r, DER_OCTET_STRING).len, rows[i].len);
        assert_int_equal(der_read_finish(&r, ERR_BAD_CSR, "it", NULL), ERR_OK);
        r = der_read_start(span_make(data, whole - 1), 0);
        assert_int_equal(der_read_expect(&r, DER_OCTET_STRING).len, 0);
        assert_int_equal(der_read_finish(&r, ERR_BAD_CSR, "it", NULL), ERR_BAD_CSR);
    }
}

/* SEQUENCE { [0] { INTEGER 1 }, OCTET STRING 'ab', BOOLEAN TRUE } */
static void optional_elements(void **state)
{
    struct octets o;
    struct span content = {0};
    struct der_reader r = der_read_start(from_hex("300ca003020101040261620101ff", &o), 2);

    (void)state;
    der_read_enter(&r, DER_SEQUENCE);
    assert_int_equal(der_read_peek(&r), DER_CONTEXT_CONSTRUCTED(0));
    assert_false(der_read_enter_optional(&r, DER_CONTEXT_CONSTRUCTED(1)));
    assert_true(der_read_enter_optional(&r, DER_CONTEXT_CONSTRUCTED(0)));
    assert_int_equal(der_read_small(&r, 1), 1);
    assert_false(der_read_more(&r));
    assert_int_equal(der_read_peek(&r), 0);
    der_read_leave(&r);
    assert_false(der_read_optional(&r, DER_NULL, &content));
    assert_true(der_read_optional(&r, DER_OCTET_STRING, &content));
    assert_true(span_is(content, "ab"));
    struct span element = der_read_element(&r);
    assert_int_equal(element.len, 3);
    assert_int_equal(element.data[0], DER_BOOLEAN);
    assert_false(der_read_optional(&r, DER_BOOLEAN, &content));
    der_read_leave(&r);
    assert_int_equal(der_read_finish(&r, ERR_BAD_CSR, "it", NULL), ERR_OK);
}

static void the_first_error_stays(void **state)
{
    struct octets o;
    struct err_info why = {0};
    struct span content = {0};
    struct der_reader r = der_read_start(from_hex("3006020101020102", &o), 1);

    (void)state;
    der_read_enter(&r, DER_SEQUENCE);
    (void)der_read_small(&r, 5);
    der_read_fail(&r, "the first is wrong");
    der_read_fail(&r, "the second is wrong");
    assert_false(der_read_ok(&r));
    assert_false(der_read_more(&r));
    assert_int_equal(der_read_peek(&r), 0);
    assert_int_equal(der_read_small(&r, 5), 0);
    assert_int_equal(der_read_element(&r).len, 0);
    assert_false(der_read_optional(&r, DER_INTEGER, &content));
    assert_false(der_read_enter_optional(&r, DER_SEQUENCE));
    der_read_leave(&r);
    der_read_leave(&r);
    assert_int_equal(der_read_finish(&r, ERR_BAD_CSR, "it", &why), ERR_BAD_CSR);
    assert_string_equal(why.detail, "it: the first is wrong at octet 5");
}

static void nesting(void **state)
{
    static const struct {
        unsigned int depth;
        enum err result;
    } rows[] = {{3, ERR_OK}, {2, ERR_BAD_CSR}, {0, ERR_BAD_CSR}};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct octets o;
        struct der_reader r = der_read_start(from_hex("300430023000", &o), rows[i].depth);
        for (int level = 0; level < 3; level++)
            der_read_enter(&r, DER_SEQUENCE);
        for (int level = 0; level < 3; level++)
            der_read_leave(&r);
        assert_int_equal(der_read_finish(&r, ERR_BAD_CSR, "it", NULL), rows[i].result);
    }
}

static void leaving_too_early(void **state)
{
    struct octets o;
    struct err_info why = {0};
    struct der_reader r = der_read_start(from_hex("3006020101020102", &o), 1);

    (void)state;
    der_read_enter(&r, DER_SEQUENCE);
    (void)der_read_small(&r, 5);
    der_read_leave(&r);
    assert_int_equal(der_read_finish(&r, ERR_BAD_CSR, "it", &why), ERR_BAD_CSR);
    assert_non_null(strstr(why.detail, "behind the last element"));
    r = der_read_start(from_hex("3000", &o), 1);
    der_read_enter(&r, DER_SEQUENCE);
    assert_int_equal(der_read_finish(&r, ERR_BAD_CSR, "it", &why), ERR_BAD_CSR);
    assert_non_null(strstr(why.detail, "ends inside"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good),
        cmocka_unit_test(bad),
        cmocka_unit_test(long_lengths),
        cmocka_unit_test(optional_elements),
        cmocka_unit_test(the_first_error_stays),
        cmocka_unit_test(nesting),
        cmocka_unit_test(leaving_too_early),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
