/* Tests of server/admin/admin_device_csv and admin_fingerprint: lists of devices. */
#include "server/admin/admin_device_csv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/acme/terms.h"
#include "core/attest/attest.h"
#include "server/admin/admin_fingerprint.h"

#define NOW 1790000000
#define HEX "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define B64 "ABEiM0RVZneImaq7zN3u/wARIjNEVWZ3iJmqu8zd7v8="

/* "NUMBER: problem; " of each fault. */
static const char *faults_of(struct arena *a, const struct admin_device_csv *csv)
{
    const char *text = "";

    for (size_t i = 0; i < csv->fault_count; i++)
        text = arena_printf(a, "%s%zu: %s; ", text, csv->faults[i].number,
                            csv->faults[i].problem);
    return text;
}

static void whole_files_are_refused(void **state)
{
    static const struct {
        const char *text, *says;
    } rows[] = {
        {"", "the column \"\" is none of identifier"},
        {"label\n", "no column \"identifier\""},
        {"identifier,serial\n", "the column \"serial\" is none of identifier, type"},
        {"Identifier\n", "the column \"Identifier\""},
        {"identifier;ek\n", "the column \"identifier;ek\""},
        {"identifier,ek,ek\n", "\"ek\" is there twice"},
        {"identifier,\"ek\n", "a quote is not closed"},
        {"identifier, ek\n", "begins or ends with a space"},
    };
    (void)state;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        AUTO(arena) struct arena *a = arena_new();
        struct admin_device_csv csv;
        struct err_info why = {0};
        enum err result =
            admin_device_csv_read(a, span_of(rows[i].text), NOW, &csv, &why);
        if (result != ERR_USAGE || strstr(why.detail, rows[i].says) == NULL)
            fail_msg("%s: %s", rows[i].text, why.detail);
    }
}

/* Each has one line behind a header of all columns, and one fault. */
static void lines_are_refused(void **state)
{
    static const struct {
        const char *line, *says;
    } rows[] = {
        {"a", "1 fields, but the first line has 9"},
        {"a,,,,,,,,,", "more than 9 fields"},
        {",,,,,,,,", "there is no identifier"},
        {"a,dns,,,,,,,", "\"dns\" is neither"},
        {"a,hardware-module,,,,,,,", ""},
        {"hardware-module:a,,,,,,,,", ""},
        {"a/b,,,,,,,,", ""},
        {"a,,,,zz,,,,", "ek: \"zz\" is no SHA-256"},
        {"a,,,,," HEX "0,,,", "ak: "},
        {"a,,,,,,SHA256:" B64 ",,", "key: "},
        {"a,,,," HEX " " B64 ",,,,", "ek: a key is there twice"},
        {"a,,,,,,,yesterday,", "blocked: \"yesterday\" is no time"},
        {"a,,,,,,,2100-01-01T00:00:00Z,", "a time to come"},
        {"a,,,,,,,,lost", "a reason, but it is not blocked"},
        {"\"a\"b,,,,,,,,", "behind a quote"},
        {"a\"b,,,,,,,,", "does not begin with one"},
        {" a,,,,,,,,", "a space"},
        {"a ,,,,,,,,", "a space"},
        {"a\rb,,,,,,,,", "control characters"},
        {"\"a\nb\",,,,,,,,", "control characters"},
        {"\"a,,,,,,,,", "a quote is not closed"},
    };
    (void)state;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        AUTO(arena) struct arena *a = arena_new();
        struct admin_device_csv csv;
        struct err_info why = {0};
        const char *text = arena_printf(
            a, "identifier,type,label,eab,ek,ak,key,blocked,reason\n%s\n", rows[i].line);
        assert_int_equal(admin_device_csv_read(a, span_of(text), NOW, &csv, &why),
                         ERR_OK);
        if (csv.fault_count != 1 || csv.count != 0 || csv.faults[0].number != 2 ||
            strstr(csv.faults[0].problem, rows[i].says) == NULL)
            fail_msg("%s: %zu lines, %s", rows[i].line, csv.count, faults_of(a, &csv));
    }
}

static void a_file_is_read(void **state)
{
    AUTO(arena) struct arena *a = arena_new();
    struct admin_device_csv csv;
    struct err_info why = {0};
    const char *text = "\xef\xbb\xbflabel,identifier,ek,ak,key,eab,blocked,reason\r\n"
                       "\"desk \"\"2\"\", left\",SN-1," HEX "," B64 "," HEX " " B64 "\r\n"
                       "\r\n"
                       "\xc3\xa9,hardware-module:A B/1.2.3,,,,kid,"
                       "2026-01-01T00:00:00Z,lost\r\n"
                       "\"\",\" x\",,," HEX ",,,";
    (void)state;

    assert_int_equal(admin_device_csv_read(a, span_of(text), NOW, &csv, &why), ERR_OK);
    assert_string_equal(faults_of(a, &csv), "2: 5 fields, but the first line has 8; ");
    assert_int_equal(csv.count, 2);
    const struct store_device *first = &csv.lines[0].device;
    assert_int_equal(csv.lines[0].number, 4);
    assert_string_equal(first->label, "\xc3\xa9");
    assert_int_equal(first->identifier.type, IDENTIFIER_HARDWARE_MODULE);
    assert_string_equal(first->identifier.value, "A B/1.2.3");
    assert_string_equal(first->kid, "kid");
    assert_int_equal(first->blocked, 1767225600);
    assert_string_equal(first->reason, "lost");
    const struct store_device *second = &csv.lines[1].device;
    assert_int_equal(csv.lines[1].number, 5); /* without a line's end */
    assert_string_equal(second->identifier.value, " x");
    assert_null(second->kid);
    assert_int_equal(second->key_count, 1);
    assert_int_equal(second->keys[0].kind, ATTEST_KNOWN_KEY);
    assert_int_equal(second->keys[0].sha256[1], 0x11);
}

static void several_keys_stand_in_a_field(void **state)
{
    AUTO(arena) struct arena *a = arena_new();
    AUTO(buf) struct buf b = buf_make(64 * 1024);
    struct admin_device_csv csv;
    struct err_info why = {0};
    (void)state;

    buf_add_text(&b, "identifier,ek,ak\nfits,,");
    for (int i = 0; i < STORE_DEVICE_KEYS_MAX; i++)
        buf_printf(&b, "%s%064x", i > 0 ? " " : "", i);
    buf_add_text(&b, "\ntoo many,,");
    for (int i = 0; i <= STORE_DEVICE_KEYS_MAX; i++)
        buf_printf(&b, " %064x", i);
    buf_add_text(&b, "\ntoo many,,\"");
    for (int i = 0; i <= STORE_DEVICE_KEYS_MAX; i++)
        buf_printf(&b, " %064x", i);
    buf_add_text(&b, "\"\n");
    assert_int_equal(admin_device_csv_read(a, buf_span(&b), NOW, &csv, &why), ERR_OK);
    assert_int_equal(csv.count, 1);
    assert_int_equal(csv.lines[0].device.key_count, STORE_DEVICE_KEYS_MAX);
    assert_int_equal(csv.lines[0].device.keys[15].sha256[31], 15);
    assert_int_equal(csv.lines[0].device.keys[0].kind, ATTEST_KNOWN_AK);
    assert_int_equal(csv.fault_count, 2);
    assert_non_null(strstr(csv.faults[0].problem, "a space"));
    assert_non_null(strstr(csv.faults[1].problem, "more than 16 keys"));
}

static void a_file_has_a_largest_number_of_devices(void **state)
{
    AUTO(arena) struct arena *a = arena_new();
    AUTO(buf) struct buf b = buf_make(1024 * 1024);
    struct admin_device_csv csv;
    struct err_info why = {0};
    (void)state;

    buf_add_text(&b, "identifier\n");
    for (int i = 0; i < ADMIN_DEVICE_CSV_MAX; i++)
        buf_printf(&b, "%d\n\n", i);
    assert_int_equal(admin_device_csv_read(a, buf_span(&b), NOW, &csv, &why), ERR_OK);
    assert_int_equal(csv.count, ADMIN_DEVICE_CSV_MAX);
    assert_int_equal(csv.lines[9999].number, 20000);
    buf_add_text(&b, "/\n");
    assert_int_equal(admin_device_csv_read(a, buf_span(&b), NOW, &csv, &why), ERR_USAGE);
}

static void fields_are_written(void **state)
{
    static const char *const rows[][2] = {
        {"", ""},           {"a", "a"},         {"a,b", "\"a,b\""},
        {"a b", "\"a b\""}, {"\"", "\"\"\"\""}, {"\xc3\xa9", "\xc3\xa9"},
    };
    (void)state;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        AUTO(buf) struct buf b = buf_make(100);
        admin_device_csv_field(&b, rows[i][0]);
        assert_true(span_is(buf_span(&b), rows[i][1]));
    }
}

static void fingerprints_are_read(void **state)
{
    static const struct {
        const char *text;
        bool good;
    } rows[] = {
        {HEX, true},
        {"00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:"
         "AA:BB:CC:DD:EE:FF",
         true},
        {B64, true},
        {"ABEiM0RVZneImaq7zN3u/wARIjNEVWZ3iJmqu8zd7v8", true},
        {"ABEiM0RVZneImaq7zN3u_wARIjNEVWZ3iJmqu8zd7v8", true},
        {"", false},
        {HEX "0", false},
        {"0g112233445566778899aabbccddeeff00112233445566778899aabbccddeeff", false},
        {"00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:"
         "AA:BB:CC:DD:EEFF:",
         false},
        {"ABEiM0RVZneImaq7zN3u/wARIjNEVWZ3iJmqu8zd7v9", false}, /* bits left over */
        {"ABEiM0RVZneImaq7zN3u/wARIjNEVWZ3iJmqu8zd7v8-", false},
        {"ABEiM0RVZneImaq7zN3u/wARIjNEVWZ3iJmqu8zd7v*", false},
    };
    uint8_t hash[HASH_SHA256_SIZE];
    (void)state;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        memset(hash, 0x5a, sizeof hash);
        if (admin_fingerprint_read(span_of(rows[i].text), hash) != rows[i].good)
            fail_msg("%s", rows[i].text);
        if (rows[i].good)
            assert_true(hash[0] == 0 && hash[1] == 0x11 && hash[31] == 0xff);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_files_are_refused),
        cmocka_unit_test(lines_are_refused),
        cmocka_unit_test(a_file_is_read),
        cmocka_unit_test(several_keys_stand_in_a_field),
        cmocka_unit_test(a_file_has_a_largest_number_of_devices),
        cmocka_unit_test(fields_are_written),
        cmocka_unit_test(fingerprints_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
