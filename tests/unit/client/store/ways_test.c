/* Tests of client/store/ways: lists of challenge types, and metadata that lacks them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "client/store/ways.h"

static void lists(void **state)
{
    static const struct {
        const char *list;
        const char *read; /* NULL: refused */
    } rows[] = {
        {"http-01", "http-01"},
        {"tls-alpn-01,http-01", "tls-alpn-01,http-01"},
        {"dns-01,dns-01,http-01,dns-01", "dns-01,http-01"},
        {"", NULL},
        {",", NULL},
        {"http-01,", NULL},
        {",http-01", NULL},
        {"HTTP-01", NULL},
        {"http-01 ", NULL},
        {"http-01;dns-01", NULL},
        {"http-0", NULL},
        {"http-01,"
         "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
         NULL},
    };
    (void)state;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        AUTO(buf) struct buf b = buf_make(1000);
        struct ways_challenges c = {0};
        struct err_info why = {0};
        enum err result = ways_read_challenges(rows[i].list, &c, &why);
        assert_int_equal(result, rows[i].read != NULL ? ERR_OK : ERR_USAGE);
        if (rows[i].read == NULL)
            continue;
        ways_write_challenges(&b, &c);
        assert_true(span_is(buf_span(&b), rows[i].read));
    }
}

static void what_can_be_proved(void **state)
{
    struct ways_challenges c = {0};
    (void)state;

    assert_false(ways_answer(&c, IDENTIFIER_DNS, false));
    ways_add(&c, CHALLENGE_HTTP_01);
    assert_true(ways_answer(&c, IDENTIFIER_DNS, false));
    assert_true(ways_answer(&c, IDENTIFIER_IP, false));
    assert_false(ways_answer(&c, IDENTIFIER_DNS, true));
    ways_add(&c, CHALLENGE_DNS_01);
    assert_true(ways_answer(&c, IDENTIFIER_DNS, true));
}

static void members(void **state)
{
    static const struct {
        const char *text;
        const char *challenges; /* NULL: refused */
    } rows[] = {
        {"{\"http\":\"standalone\"}", "http-01"}, /* of an older version */
        {"{\"http\":\"webroot:/x\",\"http_port\":80,\"challenges\":[\"tls-alpn-01\"]}",
         "tls-alpn-01"},
        {"{}", NULL},
        {"{\"http\":\"standalone\",\"challenges\":[]}", NULL},
        {"{\"http\":\"standalone\",\"challenges\":\"http-01\"}", NULL},
        {"{\"http\":\"standalone\",\"challenges\":[\"http-02\"]}", NULL},
        {"{\"http\":\"standalone\",\"challenges\":[1]}", NULL},
        {"{\"http\":\"standalone\",\"http_port\":\"80\"}", NULL},
    };
    AUTO(arena) struct arena *a = arena_new();
    (void)state;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        AUTO(buf) struct buf b = buf_make(1000);
        const struct json *object = NULL;
        struct ways ways = {0};
        struct err_info why = {0};
        assert_int_equal(json_read(a, span_of(rows[i].text), &object, &why), ERR_OK);
        enum err result = ways_read_members(object, &ways, &why);
        assert_int_equal(result, rows[i].challenges != NULL ? ERR_OK : ERR_MALFORMED);
        if (rows[i].challenges == NULL)
            continue;
        ways_write_challenges(&b, &ways.challenges);
        assert_true(span_is(buf_span(&b), rows[i].challenges));
        assert_int_equal(ways.http_port, 80);
    }
}

/* What was said of a device comes back; a certificate without one has empty texts. */
static void device(void **state)
{
    static const struct ways_device said = {"tpm:swtpm:port=2321", "/etc/pin",
                                            "/etc/chain", "https://ca.test/x", "rsa2048"};
    AUTO(arena) struct arena *a = arena_new();
    AUTO(buf) struct buf b = buf_make(2000);
    struct json_writer w = json_writer_make(&b);
    struct ways ways = {
        .http = "standalone", .http_port = 80, .tls_port = 443, .device = said};
    const struct json *object = NULL;
    struct ways read = {0};

    (void)state;
    ways_add(&ways.challenges, CHALLENGE_DEVICE_ATTEST_01);
    json_write_begin_object(&w, NULL);
    ways_write_members(&w, &ways);
    json_write_end_object(&w);
    assert_int_equal(json_read(a, buf_span(&b), &object, NULL), ERR_OK);
    assert_int_equal(ways_read_members(object, &read, NULL), ERR_OK);
    assert_string_equal(read.device.device, said.device);
    assert_string_equal(read.device.pin_file, said.pin_file);
    assert_string_equal(read.device.chain_file, said.chain_file);
    assert_string_equal(read.device.attestation_ca, said.attestation_ca);
    assert_string_equal(read.device.attestation_key, said.attestation_key);
    assert_int_equal(json_read(a, span_of("{\"http\":\"standalone\"}"), &object, NULL),
                     ERR_OK);
    assert_int_equal(ways_read_members(object, &read, NULL), ERR_OK);
    assert_string_equal(read.device.device, "");
    assert_string_equal(read.device.pin_file, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(device),
        cmocka_unit_test(lists),
        cmocka_unit_test(what_can_be_proved),
        cmocka_unit_test(members),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
