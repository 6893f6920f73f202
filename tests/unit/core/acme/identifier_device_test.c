/* Tests of core/acme/identifier_device: the table of values, S-DA-1 and S-DA-2. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "core/acme/identifier_device.h"

#define P IDENTIFIER_PERMANENT_IDENTIFIER
#define H IDENTIFIER_HARDWARE_MODULE

static const struct {
    const char *value;
    enum err permanent, hardware;
} rows[] = {
    {"ABCDEF123456", ERR_OK, ERR_MALFORMED},
    {"ABCDEF123456/1.2.3.4", ERR_OK, ERR_OK},
    {"ABCD/2.999.1", ERR_OK, ERR_OK},
    {"ABCD/0.0", ERR_OK, ERR_OK},
    {"ABCD/1.39", ERR_OK, ERR_OK},
    {"ABCD/2.9223372036854775807", ERR_REJECTED_IDENTIFIER, ERR_REJECTED_IDENTIFIER},
    {"ABCD/1.2.9223372036854775807", ERR_OK, ERR_OK},
    {"ABCD/1.2.9223372036854775808", ERR_REJECTED_IDENTIFIER, ERR_REJECTED_IDENTIFIER},
    {"", ERR_MALFORMED, ERR_MALFORMED},
    {"/1.2.3", ERR_MALFORMED, ERR_MALFORMED},
    {"/", ERR_MALFORMED, ERR_MALFORMED},
    {"A/", ERR_MALFORMED, ERR_MALFORMED},
    {"A/1", ERR_MALFORMED, ERR_MALFORMED},
    {"A/1.", ERR_MALFORMED, ERR_MALFORMED},
    {"A/.1", ERR_MALFORMED, ERR_MALFORMED},
    {"A/1..2", ERR_MALFORMED, ERR_MALFORMED},
    {"A/1.40", ERR_MALFORMED, ERR_MALFORMED},
    {"A/1.139", ERR_MALFORMED, ERR_MALFORMED},
    {"A/3.1", ERR_MALFORMED, ERR_MALFORMED},
    {"A/10.1", ERR_MALFORMED, ERR_MALFORMED},
    {"A/1.02", ERR_MALFORMED, ERR_MALFORMED},
    {"A/01.2", ERR_MALFORMED, ERR_MALFORMED},
    {"A/1.2 ", ERR_MALFORMED, ERR_MALFORMED},
    {"A/1.2/1.3", ERR_MALFORMED, ERR_MALFORMED},
    {"A/1.-2", ERR_MALFORMED, ERR_MALFORMED},
    {"A B", ERR_OK, ERR_MALFORMED},
    {"\xc3\xa9", ERR_OK, ERR_MALFORMED},
    {"\xe6\x97\xa5\xe6\x9c\xac/1.2", ERR_OK, ERR_OK},
    {" a ", ERR_OK, ERR_MALFORMED},
    {"\xff", ERR_MALFORMED, ERR_MALFORMED},
    {"\xed\xa0\x80", ERR_MALFORMED, ERR_MALFORMED}, /* half of a surrogate pair */
    {"A\nB/1.2", ERR_REJECTED_IDENTIFIER, ERR_REJECTED_IDENTIFIER},
    {"A\x7f/1.2", ERR_REJECTED_IDENTIFIER, ERR_REJECTED_IDENTIFIER},
    {"A\xc2\x85/1.2", ERR_REJECTED_IDENTIFIER, ERR_REJECTED_IDENTIFIER},
    {"A\xc2\xa0/1.2", ERR_OK, ERR_OK},
};

static void table(void **state)
{
    (void)state;
    AUTO(arena) struct arena *a = arena_new();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct identifier read = {0};
        struct err_info why = {0};
        enum err p = identifier_read_device(a, P, span_of(rows[i].value), &read, &why);
        if (p != rows[i].permanent)
            fail_msg("permanent-identifier \"%s\": %d, %s", rows[i].value, (int)p,
                     why.detail);
        if (p == ERR_OK) {
            assert_string_equal(read.value, rows[i].value);
            assert_int_equal(read.type, P);
        }
        enum err h = identifier_read_device(a, H, span_of(rows[i].value), &read, &why);
        if (h != rows[i].hardware)
            fail_msg("hardware-module \"%s\": %d, %s", rows[i].value, (int)h, why.detail);
    }
}

static void there_and_back(void **state)
{
    (void)state;
    AUTO(arena) struct arena *a = arena_new();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct identifier read = {0}, again = {0};
        struct span id, oid;
        if (rows[i].permanent != ERR_OK)
            continue;
        assert_int_equal(
            identifier_read_device(a, P, span_of(rows[i].value), &read, NULL), ERR_OK);
        identifier_device_parts(a, &read, &id, &oid);
        assert_true((oid.len > 0) == (strchr(rows[i].value, '/') != NULL));
        assert_int_equal(identifier_device_join(a, P, id, oid, &again, NULL), ERR_OK);
        assert_true(identifier_equal(&read, &again));
    }
}

static void joined(void **state)
{
    (void)state;
    AUTO(arena) struct arena *a = arena_new();
    static const uint8_t oid[] = {0x2a, 0x03, 0x04}, broken[] = {0x2a, 0x83};
    static const uint8_t nul[] = {'A', 0, 'B'};
    struct span good = {oid, sizeof oid};
    struct identifier read = {0};

    assert_int_equal(identifier_device_join(a, H, span_of("ABCD"), good, &read, NULL),
                     ERR_OK);
    assert_string_equal(read.value, "ABCD/1.2.3.4");
    assert_int_equal(
        identifier_device_join(a, H, span_of("ABCD"), (struct span){0}, &read, NULL),
        ERR_MALFORMED);
    assert_int_equal(identifier_device_join(a, P, (struct span){0}, good, &read, NULL),
                     ERR_MALFORMED);
    assert_int_equal(
        identifier_device_join(a, P, span_of("A/1.2"), (struct span){0}, &read, NULL),
        ERR_MALFORMED);
    assert_int_equal(
        identifier_device_join(a, P, (struct span){nul, 3}, good, &read, NULL),
        ERR_MALFORMED);
    assert_int_equal(
        identifier_device_join(a, P, span_of("A"), (struct span){broken, 2}, &read, NULL),
        ERR_REJECTED_IDENTIFIER);
}

/* One text for each identifier: what looks like a name, or like another type, is told. */
static void texts(void **state)
{
    static const struct {
        struct identifier identifier;
        const char *text;
    } cases[] = {
        {{IDENTIFIER_DNS, "www.a.test"}, "www.a.test"},
        {{IDENTIFIER_IP, "::1"}, "::1"},
        {{P, "www.a.test"}, "permanent-identifier:www.a.test"},
        {{P, "hardware-module:A"}, "permanent-identifier:hardware-module:A"},
        {{H, "A b/1.2.3"}, "hardware-module:A b/1.2.3"},
    };
    AUTO(arena) struct arena *a = arena_new();
    struct identifier read = {0};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct identifier *one = &cases[i].identifier;
        assert_string_equal(identifier_text(a, one), cases[i].text);
        bool is_device = terms_is_device(one->type);
        assert_int_equal(identifier_device_of_text(a, cases[i].text, &read), is_device);
        assert_true(!is_device || identifier_equal(&read, one));
    }
    assert_false(identifier_device_of_text(a, "hardware-module:A", &read));
}

/* And the name in a certificate. */
static void names(void **state)
{
    static const struct identifier cases[] = {
        {P, "A"}, {P, "A/1.2.3"}, {H, "\xc3\xa9/2.999.1"}};
    AUTO(arena) struct arena *a = arena_new();

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct identifier read = {0};
        struct device_name name = identifier_device_name(a, &cases[i]);
        assert_int_equal(identifier_device_of(a, &name, &read, NULL), ERR_OK);
        assert_true(identifier_equal(&read, &cases[i]));
    }
}

static void too_long(void **state)
{
    (void)state;
    AUTO(arena) struct arena *a = arena_new();
    char text[IDENTIFIER_DEVICE_MAX + 2];
    struct identifier read = {0};

    memset(text, 'A', sizeof text);
    text[IDENTIFIER_DEVICE_MAX + 1] = '\0';
    assert_int_equal(identifier_read_device(a, P, span_of(text), &read, NULL),
                     ERR_REJECTED_IDENTIFIER);
    text[IDENTIFIER_DEVICE_MAX] = '\0';
    assert_int_equal(identifier_read_device(a, P, span_of(text), &read, NULL), ERR_OK);
}

/* As people write them: a type, or none. */
static void written_by_people(void **state)
{
    static const struct {
        const char *text, *value;
        enum identifier_type type;
        enum err result;
    } words[] = {
        {"A B", "A B", P, ERR_OK},
        {"permanent-identifier:A", "A", P, ERR_OK},
        {"permanent-identifier:permanent-identifier:A", "permanent-identifier:A", P,
         ERR_OK},
        {"hardware-module:A/1.2", "A/1.2", H, ERR_OK},
        {"hardware-module", "hardware-module", P, ERR_OK},
        {"dns:A", "dns:A", P, ERR_OK}, /* no device */
        {"urn:ek:1", "urn:ek:1", P, ERR_OK},
        {"hardware-module:A", "", H, ERR_MALFORMED},
        {"permanent-identifier:", "", P, ERR_MALFORMED},
        {"", "", P, ERR_MALFORMED},
    };
    (void)state;
    AUTO(arena) struct arena *a = arena_new();

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        struct identifier read = {0};
        enum err result = identifier_device_read(a, words[i].text, &read, NULL);
        if (result != words[i].result)
            fail_msg("%s: %s", words[i].text, err_name(result));
        if (result != ERR_OK)
            continue;
        assert_string_equal(read.value, words[i].value);
        assert_int_equal(read.type, words[i].type);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table),
        cmocka_unit_test(there_and_back),
        cmocka_unit_test(joined),
        cmocka_unit_test(too_long),
        cmocka_unit_test(written_by_people),
        cmocka_unit_test(texts),
        cmocka_unit_test(names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
