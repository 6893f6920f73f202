/* Tests of core/dns/dns_message, with messages put together from RFC 1035 4. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "core/dns/dns_message.h"

#define ROOM 4

/* "www.a" as question, asked for A (1) or AAAA (28); answers follow */
#define HEAD(answers) "\x12\x34\x81\x80\0\1\0" answers "\0\0\0\0"
#define NAME          "\3www\1a\0"
#define QUESTION      NAME "\0\1\0\1"
#define TTL           "\0\0\0\x3c"
#define ADDRESS(last) "\xc0\x0c\0\1\0\1" TTL "\0\4\xc0\0\2" last
#define ADDRESS6      "\xc0\x0c\0\x1c\0\1" TTL "\0\x10\x20\1\xd\xb8\0\0\0\0\0\0\0\0\0\0\0\1"
#define ALIAS         "\xc0\x0c\0\5\0\1" TTL "\0\4\1b\xc0\x10"

#define MESSAGE(text) text, sizeof(text) - 1

static const struct {
    const char *what;
    const char *octets;
    size_t len;
    enum dns_type type;
    int count; /* -1: malformed */
} rows[] = {
    {"nothing there", MESSAGE(HEAD("\0") QUESTION), DNS_A, 0},
    {"one", MESSAGE(HEAD("\1") QUESTION ADDRESS("\1")), DNS_A, 1},
    {"two", MESSAGE(HEAD("\2") QUESTION ADDRESS("\1") ADDRESS("\2")), DNS_A, 2},
    {"more than room",
     MESSAGE(HEAD("\5") QUESTION ADDRESS("\1") ADDRESS("\2") ADDRESS("\3") ADDRESS("\4")
                 ADDRESS("\5")),
     DNS_A, ROOM},
    {"behind an alias", MESSAGE(HEAD("\2") QUESTION ALIAS ADDRESS("\1")), DNS_A, 1},
    {"of another type", MESSAGE(HEAD("\2") QUESTION ADDRESS("\1") ADDRESS6), DNS_AAAA, 1},
    {"of another class",
     MESSAGE(HEAD("\1") QUESTION "\xc0\x0c\0\1\0\3" TTL "\0\4\xc0\0\2\1"), DNS_A, 0},
    {"beyond the count", MESSAGE(HEAD("\1") QUESTION ADDRESS("\1") ADDRESS("\2")), DNS_A,
     1},
    {"an A of 16 octets",
     MESSAGE(HEAD("\1") QUESTION "\xc0\x0c\0\1\0\1" TTL "\0\x10"
                                 "0123456789abcdef"),
     DNS_A, -1},
    {"an A of no octets", MESSAGE(HEAD("\1") QUESTION "\xc0\x0c\0\1\0\1" TTL "\0\0"),
     DNS_A, -1},
    {"an answer is missing", MESSAGE(HEAD("\2") QUESTION ADDRESS("\1")), DNS_A, -1},
    {"the question is missing", MESSAGE(HEAD("\0")), DNS_A, -1},
    {"cut in a header", "\x12\x34\x81\x80\0\0\0\0\0\0\0", 11, DNS_A, -1},
    {"empty", "", 0, DNS_A, -1},
    {"a query", MESSAGE("\x12\x34\1\0\0\1\0\0\0\0\0\0" QUESTION), DNS_A, -1},
    {"a label without end", MESSAGE(HEAD("\0") "\x3fwww"), DNS_A, -1},
    {"a label of a reserved kind", MESSAGE(HEAD("\0") "\x40www\0\0\1\0\1"), DNS_A, -1},
    {"a pointer cut off", MESSAGE(HEAD("\1") QUESTION "\xc0"), DNS_A, -1},
    {"a pointer to itself is passed over",
     MESSAGE(HEAD("\1") QUESTION "\xc0\x18\0\1\0\1" TTL "\0\4\xc0\0\2\1"), DNS_A, 1},
    {"data longer than the message",
     MESSAGE(HEAD("\1") QUESTION "\xc0\x0c\0\1\0\1" TTL "\xff\xff\xc0\0\2\1"), DNS_A, -1},
    {"65535 answers",
     MESSAGE("\x12\x34\x81\x80\0\1\xff\xff\0\0\0\0" QUESTION ADDRESS("\1")), DNS_A, -1},
};

static void reads(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct address addresses[ROOM + 1];
        struct err_info why = {0};
        size_t count = 99;
        memset(addresses, 0x5a, sizeof addresses);
        const struct address untouched = addresses[ROOM];
        enum err result =
            dns_message_addresses(span_make(rows[i].octets, rows[i].len), rows[i].type,
                                  addresses, ROOM, &count, &why);
        if ((result == ERR_OK) != (rows[i].count >= 0))
            print_error("%s\n", rows[i].what);
        assert_int_equal(result, rows[i].count >= 0 ? ERR_OK : ERR_PROTOCOL);
        assert_int_equal(count, rows[i].count >= 0 ? rows[i].count : 99);
        assert_memory_equal(&addresses[ROOM], &untouched, sizeof untouched);
    }
}

static void addresses(void **state)
{
    static const char message[] = HEAD("\2") QUESTION ADDRESS("\7") ADDRESS6;
    struct address found[ROOM];
    char text[ADDRESS_TEXT_SIZE];
    struct err_info why = {0};
    size_t count = 0;

    (void)state;
    assert_int_equal(dns_message_addresses(span_make(message, sizeof message - 1), DNS_A,
                                           found, ROOM, &count, &why),
                     ERR_OK);
    address_text(&found[0], text);
    assert_string_equal(text, "192.0.2.7");
    assert_int_equal(found[0].port, 0);
    assert_int_equal(dns_message_addresses(span_make(message, sizeof message - 1),
                                           DNS_AAAA, found, ROOM, &count, &why),
                     ERR_OK);
    address_text(&found[0], text);
    assert_string_equal(text, "2001:db8::1");
}

/* Every beginning of a good message is refused, and read no further than it goes. */
static void cut_anywhere(void **state)
{
    static const char message[] = HEAD("\2") QUESTION ALIAS ADDRESS("\1");
    struct address found[ROOM];
    struct err_info why = {0};
    size_t count = 0;

    (void)state;
    for (size_t len = 0; len < sizeof message - 1; len++) {
        char *copy = test_malloc(len + 1);
        memcpy(copy, message, len);
        assert_int_equal(
            dns_message_addresses(span_make(copy, len), DNS_A, found, ROOM, &count, &why),
            ERR_PROTOCOL);
        test_free(copy);
    }
}

static void rcodes(void **state)
{
    (void)state;
    assert_string_equal(dns_rcode_name(DNS_NOERROR), "NOERROR");
    assert_string_equal(dns_rcode_name(DNS_SERVFAIL), "SERVFAIL");
    assert_string_equal(dns_rcode_name(DNS_NXDOMAIN), "NXDOMAIN");
    assert_string_equal(dns_rcode_name(DNS_REFUSED), "REFUSED");
    assert_string_equal(dns_rcode_name(10), "NOTZONE");
    assert_string_equal(dns_rcode_name(11), "an unknown RCODE");
    assert_string_equal(dns_rcode_name(-1), "an unknown RCODE");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads),
        cmocka_unit_test(addresses),
        cmocka_unit_test(cut_anywhere),
        cmocka_unit_test(rcodes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
