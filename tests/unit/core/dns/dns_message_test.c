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

#define TEXT(data) "\xc0\x0c\0\x10\0\1" TTL "\0" data

static const struct {
    const char *what;
    const char *octets;
    size_t len;
    int count; /* -1: malformed */
    const char *texts[ROOM];
} text_rows[] = {
    {"no text", MESSAGE(HEAD("\0") QUESTION), 0, {0}},
    {"one string", MESSAGE(HEAD("\1") QUESTION TEXT("\4\3abc")), 1, {"abc"}},
    {"strings are joined, nothing between them",
     MESSAGE(HEAD("\1") QUESTION TEXT("\x0a\3abc\1 \3d\"e")),
     1,
     {"abc d\"e"}},
    {"an empty string", MESSAGE(HEAD("\1") QUESTION TEXT("\1\0")), 1, {""}},
    {"empty strings among others",
     MESSAGE(HEAD("\1") QUESTION TEXT("\6\0\1a\0\1b")),
     1,
     {"ab"}},
    {"two records",
     MESSAGE(HEAD("\2") QUESTION TEXT("\2\1a") TEXT("\2\1b")),
     2,
     {"a", "b"}},
    {"behind an alias", MESSAGE(HEAD("\2") QUESTION ALIAS TEXT("\2\1a")), 1, {"a"}},
    {"beside addresses",
     MESSAGE(HEAD("\3") QUESTION ADDRESS("\1") TEXT("\2\1a") ADDRESS6),
     1,
     {"a"}},
    {"no string at all", MESSAGE(HEAD("\1") QUESTION TEXT("\0")), -1, {0}},
    {"a string longer than its record",
     MESSAGE(HEAD("\1") QUESTION TEXT("\2\2a")),
     -1,
     {0}},
    {"a string that would end in the next record",
     MESSAGE(HEAD("\2") QUESTION TEXT("\2\x20"
                                      "a") TEXT("\2\1b")),
     -1,
     {0}},
    {"a second string without room",
     MESSAGE(HEAD("\1") QUESTION TEXT("\3\1a\1")),
     -1,
     {0}},
    {"a record longer than the message",
     MESSAGE(HEAD("\1") QUESTION TEXT("\5\1a")),
     -1,
     {0}},
    {"more records announced than there are",
     MESSAGE(HEAD("\2") QUESTION TEXT("\2\1a")),
     -1,
     {0}},
    {"a query", MESSAGE("\x12\x34\1\0\0\1\0\1\0\0\0\0" QUESTION TEXT("\2\1a")), -1, {0}},
};

static void reads_texts(void **state)
{
    AUTO(arena) struct arena *a = arena_new();

    (void)state;
    for (size_t i = 0; i < sizeof text_rows / sizeof text_rows[0]; i++) {
        const struct span *texts = NULL;
        const char *alias = NULL;
        struct err_info why = {0};
        size_t count = 99;
        enum err result =
            dns_message_texts(a, span_make(text_rows[i].octets, text_rows[i].len), &texts,
                              &count, &alias, &why);
        if ((result == ERR_OK) != (text_rows[i].count >= 0))
            fail_msg("%s", text_rows[i].what);
        if (result != ERR_OK) {
            assert_int_equal(result, ERR_PROTOCOL);
            assert_int_equal(count, 99);
            continue;
        }
        assert_int_equal(count, text_rows[i].count);
        for (size_t j = 0; j < count; j++)
            if (!span_is(texts[j], text_rows[i].texts[j]))
                fail_msg("%s: text %zu", text_rows[i].what, j);
    }
}

/* Where an alias leads; what cannot be read is passed over. The question's name is at 12,
 * the first alias's at 35. */
#define CNAME(length, name) "\xc0\x0c\0\5\0\1" TTL "\0" length name

static void aliases(void **state)
{
    static const struct {
        const char *octets;
        size_t len;
        const char *alias;
    } names[] = {
        {MESSAGE(HEAD("\1") QUESTION TEXT("\2\1a")), NULL},
        {MESSAGE(HEAD("\1") QUESTION CNAME("\3", "\1b\0")), "b"},
        {MESSAGE(HEAD("\1") QUESTION CNAME("\7", "\1b\3Com\0")), "b.Com"},
        {MESSAGE(HEAD("\1") QUESTION CNAME("\4", "\1b\xc0\x10")), "b.a"},
        {MESSAGE(HEAD("\1") QUESTION CNAME("\2", "\xc0\x0c")), "www.a"},
        {MESSAGE(HEAD("\2") QUESTION CNAME("\3", "\1b\0") CNAME("\3", "\1c\0")), "c"},
        {MESSAGE(HEAD("\1") QUESTION CNAME("\5", "\3\0.\n\0")), "?.\n"},
        {MESSAGE(HEAD("\1") QUESTION CNAME("\1", "\0")), NULL},          /* the root */
        {MESSAGE(HEAD("\1") QUESTION CNAME("\2", "\xc0\x23")), NULL},    /* itself */
        {MESSAGE(HEAD("\1") QUESTION CNAME("\2", "\xc0\x30")), NULL},    /* forward */
        {MESSAGE(HEAD("\1") QUESTION CNAME("\4", "\1b\xc0\x23")), NULL}, /* a circle */
        {MESSAGE(HEAD("\1") QUESTION CNAME("\2", "\x40\0")), NULL},
        {MESSAGE(HEAD("\1") QUESTION CNAME("\2", "\x3f"
                                                 "b")),
         NULL},
        {MESSAGE(HEAD("\1") QUESTION CNAME("\1", "\xc0")), NULL},
    };
    AUTO(arena) struct arena *a = arena_new();

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const struct span *texts = NULL;
        const char *alias = "untouched";
        size_t count = 0;
        assert_int_equal(dns_message_texts(a, span_make(names[i].octets, names[i].len),
                                           &texts, &count, &alias, NULL),
                         ERR_OK);
        if (names[i].alias == NULL)
            assert_null(alias);
        else
            assert_string_equal(alias, names[i].alias);
    }
}

/* V-DNS-3: a chain of 16 is followed, one of 17 is none. */
static void many_aliases(void **state)
{
    static const uint8_t head[] = {0, 0, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0};
    static const uint8_t alias[] = {0, 0, 5, 0, 1, 0, 0, 0, 0, 0, 3, 1, 'a', 0};
    uint8_t message[sizeof head + (DNS_ALIASES_MAX + 1) * sizeof alias];
    AUTO(arena) struct arena *a = arena_new();
    struct address found[ROOM];
    const struct span *texts = NULL;
    const char *name = NULL;
    size_t count = 0;

    (void)state;
    for (uint8_t n = DNS_ALIASES_MAX; n <= DNS_ALIASES_MAX + 1; n++) {
        enum err wanted = n <= DNS_ALIASES_MAX ? ERR_OK : ERR_PROTOCOL;
        struct span all = span_make(message, sizeof head + n * sizeof alias);
        memcpy(message, head, sizeof head);
        message[7] = n;
        for (size_t i = 0; i < n; i++)
            memcpy(message + sizeof head + i * sizeof alias, alias, sizeof alias);
        assert_int_equal(dns_message_texts(a, all, &texts, &count, &name, NULL), wanted);
        assert_int_equal(dns_message_addresses(all, DNS_A, found, ROOM, &count, NULL),
                         wanted);
    }
}

/* As many records as a message can hold, each as short as can be, and one as long as can
 * be; NULs and all other octets are kept. */
static void texts_at_the_bounds(void **state)
{
    AUTO(arena) struct arena *a = arena_new();
    static const uint8_t record[] = {0, 0, 16, 0, 1, 0, 0, 0, 0, 0, 1, 0};
    static const uint8_t head[] = {0, 0, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0};
    size_t many = (65535 - sizeof head) / sizeof record;
    uint8_t *message = arena_get(a, 65535);
    const struct span *texts = NULL;
    const char *alias = NULL;
    size_t count = 0;

    (void)state;
    memcpy(message, head, sizeof head);
    message[6] = (uint8_t)(many >> 8);
    message[7] = (uint8_t)many;
    for (size_t i = 0; i < many; i++)
        memcpy(message + sizeof head + i * sizeof record, record, sizeof record);
    assert_int_equal(
        dns_message_texts(a, span_make(message, sizeof head + many * sizeof record),
                          &texts, &count, &alias, NULL),
        ERR_OK);
    assert_int_equal(count, many);
    assert_int_equal(texts[many - 1].len, 0);

    size_t strings = 200;
    message[6] = 0;
    message[7] = 1;
    message[sizeof head + 9] = (uint8_t)(strings * 256 >> 8);
    message[sizeof head + 10] = (uint8_t)(strings * 256);
    for (size_t i = 0; i < strings * 256; i++)
        message[sizeof head + 11 + i] = i % 256 == 0 ? 255 : (uint8_t)(i - 1);
    assert_int_equal(
        dns_message_texts(a, span_make(message, sizeof head + 11 + strings * 256), &texts,
                          &count, &alias, NULL),
        ERR_OK);
    assert_int_equal(count, 1);
    assert_int_equal(texts[0].len, strings * 255);
    for (size_t i = 0; i < 255; i++)
        assert_int_equal(texts[0].data[i], i);
}

#define CAA(len, data) "\xc0\x0c\1\1\0\1" TTL "\0" len data

static const struct {
    const char *what;
    const char *octets;
    size_t len;
    int count;         /* -1: malformed */
    const char *first; /* tag and value of the first, a colon between */
} caa_rows[] = {
    {"one", MESSAGE(HEAD("\1") QUESTION CAA("\x0e", "\0\5issueca.test")), 1,
     "issue:ca.test"},
    {"behind an alias", MESSAGE(HEAD("\2") QUESTION ALIAS CAA("\7", "\0\5issue")), 1,
     "issue:"},
    {"two", MESSAGE(HEAD("\2") QUESTION CAA("\4", "\0\1ab") CAA("\4", "\0\2ab")), 2,
     "a:b"},
    {"of other types", MESSAGE(HEAD("\1") QUESTION ADDRESS("\1")), 0, NULL},
    {"no octets", MESSAGE(HEAD("\1") QUESTION CAA("\0", "")), -1, NULL},
    {"flags only", MESSAGE(HEAD("\1") QUESTION CAA("\1", "\0")), -1, NULL},
    {"no tag", MESSAGE(HEAD("\1") QUESTION CAA("\2", "\0\0")), -1, NULL},
    {"no tag but a value", MESSAGE(HEAD("\1") QUESTION CAA("\3", "\0\0a")), -1, NULL},
    {"a tag that is longer", MESSAGE(HEAD("\1") QUESTION CAA("\4", "\0\3ab")), -1, NULL},
    {"the second is malformed",
     MESSAGE(HEAD("\2") QUESTION CAA("\4", "\0\1ab") CAA("\2", "\0\1")), -1, NULL},
    {"cut", MESSAGE(HEAD("\1") QUESTION CAA("\x0f", "\0\5issueca.test")), -1, NULL},
};

static void reads_caa(void **state)
{
    AUTO(arena) struct arena *a = arena_new();

    (void)state;
    for (size_t i = 0; i < sizeof caa_rows / sizeof caa_rows[0]; i++) {
        const struct dns_caa *records = NULL;
        size_t count = 0;
        enum err result = dns_message_caa(
            a, span_make(caa_rows[i].octets, caa_rows[i].len), &records, &count, NULL);
        if (caa_rows[i].count < 0 ? result != ERR_PROTOCOL
                                  : result != ERR_OK || (int)count != caa_rows[i].count)
            fail_msg("%s: %d, %zu records", caa_rows[i].what, (int)result, count);
        if (caa_rows[i].first == NULL)
            continue;
        assert_string_equal(arena_printf(a, "%s:%s", arena_string_of(a, records[0].tag),
                                         arena_string_of(a, records[0].value)),
                            caa_rows[i].first);
        assert_int_equal(records[0].flags, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads),
        cmocka_unit_test(reads_texts),
        cmocka_unit_test(aliases),
        cmocka_unit_test(many_aliases),
        cmocka_unit_test(texts_at_the_bounds),
        cmocka_unit_test(addresses),
        cmocka_unit_test(cut_anywhere),
        cmocka_unit_test(rcodes),
        cmocka_unit_test(reads_caa),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
