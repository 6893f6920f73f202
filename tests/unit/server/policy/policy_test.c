/* Tests of server/policy: names, keys and contacts, in tables. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "server/policy/policy.h"

static struct arena *arena;
static const char *networks[] = {"10.88.0.0/16", "fd00:8::/32"};
static const struct settings settings = {.max_contacts = 2,
                                         .allow_networks = {networks, 2}};
static const struct settings_profile profile = {
    .name = "classic", .names_most = 3, .identifier_types = ~0U};
static const struct settings_directory directory = {
    .name = "default", .identifier_types = ~0U, .challenge_types = ~0U};
static const struct policy_scope scope = {&settings, &directory, &profile,
                                          NULL,      NULL,       NULL};

static const struct json *json_of(const char *text)
{
    const struct json *value = NULL;

    assert_int_equal(json_read(arena, span_of(text), &value, NULL), ERR_OK);
    return value;
}

#define A10         "aaaaaaaaa."
#define A50         A10 A10 A10 A10 A10
#define A60         A50 A10
#define IP(address) "{\"type\":\"ip\",\"value\":\"" address "\"}"
#define DNS(name)   "{\"type\":\"dns\",\"value\":\"" name "\"}"
#define PID(value)  "{\"type\":\"permanent-identifier\",\"value\":\"" value "\"}"
#define HWM(value)  "{\"type\":\"hardware-module\",\"value\":\"" value "\"}"

static void identifiers(void **state)
{
    static const struct {
        const char *payload;
        enum err code;
        const char *words; /* the names, or what the sentence says */
    } rows[] = {
        {"{\"identifiers\":[" DNS("a.test") "]}", ERR_OK, "a.test"},
        {"{\"identifiers\":[" DNS("B.test") "," DNS("a.test") "]}", ERR_OK,
         "b.test a.test"},
        {"{\"identifiers\":[" DNS("a.test") "," DNS("A.TEST") "," DNS("b") "]}", ERR_OK,
         "a.test b"},
        {"{\"identifiers\":[{\"type\":\"dns\",\"value\":\"a.test\",\"x\":1}],\"y\":2}",
         ERR_OK, "a.test"},
        {"{}", ERR_MALFORMED, "identifiers is missing"},
        {"{\"identifiers\":{}}", ERR_MALFORMED, "array"},
        {"{\"identifiers\":[]}", ERR_MALFORMED, "no identifier"},
        {"{\"identifiers\":[7]}", ERR_MALFORMED, "object"},
        {"{\"identifiers\":[[]]}", ERR_MALFORMED, "object"},
        {"{\"identifiers\":[{}]}", ERR_MALFORMED, "type is missing"},
        {"{\"identifiers\":[{\"type\":\"dns\"}]}", ERR_MALFORMED, "value is missing"},
        {"{\"identifiers\":[{\"type\":1,\"value\":\"a\"}]}", ERR_MALFORMED, "type"},
        {"{\"identifiers\":[{\"type\":\"dns\",\"value\":null}]}", ERR_MALFORMED, "value"},
        {"{\"identifiers\":[" IP("11.22.33.44") "," IP("2600:beef::1") "," DNS("a") "]}",
         ERR_OK, "11.22.33.44 2600:beef::1 a"},
        {"{\"identifiers\":[" IP("11.22.33.44") "," IP("11.22.33.44") "]}", ERR_OK,
         "11.22.33.44"},
        {"{\"identifiers\":[" IP("2600:BEEF::1") "]}", ERR_MALFORMED, "2600:beef::1"},
        {"{\"identifiers\":[" IP("a.test") "]}", ERR_MALFORMED, "no address"},
        {"{\"identifiers\":[" DNS("11.22.33.44") "]}", ERR_MALFORMED, "type \"ip\""},
        /* S-IP-7 */
        {"{\"identifiers\":[" IP("10.0.0.1") "]}", ERR_REJECTED_IDENTIFIER,
         "10.0.0.1 is private use"},
        {"{\"identifiers\":[" IP("::1") "]}", ERR_REJECTED_IDENTIFIER,
         "validation.allow_networks"},
        {"{\"identifiers\":[" IP("10.88.1.1") "," IP("fd00:8::1") "]}", ERR_OK,
         "10.88.1.1 fd00:8::1"},
        {"{\"identifiers\":[" IP("10.89.0.1") "]}", ERR_REJECTED_IDENTIFIER,
         "private use"},
        /* S-DA-1, S-DA-2: the octets as they came, several of them, beside names */
        {"{\"identifiers\":[" PID("A b\\u00e9/1.2.3") "," DNS("A.test") "," PID(
             "a b\\u00e9/1.2.3") "]}",
         ERR_OK, "A b\xc3\xa9/1.2.3 a.test a b\xc3\xa9/1.2.3"},
        {"{\"identifiers\":[" PID("A") "," PID("A") "," HWM("A/1.2") "]}", ERR_OK,
         "A A/1.2"},
        {"{\"identifiers\":[" PID("*.a.test") "," PID("10.0.0.1") "]}", ERR_OK,
         "*.a.test 10.0.0.1"},
        {"{\"identifiers\":[" PID("") "]}", ERR_MALFORMED, "no device"},
        {"{\"identifiers\":[" PID("A/1.40") "]}", ERR_MALFORMED, "object identifier"},
        {"{\"identifiers\":[" HWM("ABCD") "]}", ERR_MALFORMED, "hardware-module"},
        {"{\"identifiers\":[" HWM("/1.2.3") "]}", ERR_MALFORMED, "no device"},
        {"{\"identifiers\":[" HWM("A/3.1") "]}", ERR_MALFORMED, "object identifier"},
        {"{\"identifiers\":[" PID("A\\n") "]}", ERR_REJECTED_IDENTIFIER, "control"},
        {"{\"identifiers\":[{\"type\":\"Dns\",\"value\":\"a.test\"}]}",
         ERR_UNSUPPORTED_IDENTIFIER, "Dns"},
        /* S-WILD-1, S-WILD-4; the base beside it is an identifier of its own */
        {"{\"identifiers\":[" DNS("*.a.test") "," DNS("a.test") "," DNS("*.A.test") "]}",
         ERR_OK, "*.a.test a.test"},
        {"{\"identifiers\":[" DNS("*.test") "]}", ERR_REJECTED_IDENTIFIER, "two labels"},
        {"{\"identifiers\":[" DNS("*") "]}", ERR_MALFORMED, "'*'"},
        {"{\"identifiers\":[" DNS("*.*.a.test") "]}", ERR_MALFORMED, "'*'"},
        {"{\"identifiers\":[" DNS("a.*.test") "]}", ERR_MALFORMED, "'*'"},
        {"{\"identifiers\":[" DNS("*a.test") "]}", ERR_MALFORMED, "'*'"},
        {"{\"identifiers\":[" DNS("*." A60 A60 A60 A50 "ab.test") "]}", ERR_OK,
         "*." A60 A60 A60 A50 "ab.test"},
        {"{\"identifiers\":[" DNS("*." A60 A60 A60 A50 "abc.test") "]}",
         ERR_REJECTED_IDENTIFIER, "too long to be proved"},
        {"{\"identifiers\":[" DNS("a.test") "," DNS("a_b.test") "]}", ERR_MALFORMED,
         "a_b.test"},
        {"{\"identifiers\":[" DNS("a") "," DNS("b") "," DNS("c") "]}", ERR_OK, "a b c"},
        {"{\"identifiers\":[" DNS("a") "," DNS("a") "," DNS("a") "," DNS("a") "]}",
         ERR_MALFORMED, "4 identifiers; the profile \"classic\" allows at most 3"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct identifier *list = NULL;
        size_t count = 0;
        struct err_info why = {0};
        enum err code = policy_identifiers(arena, &scope, json_of(rows[i].payload), &list,
                                           &count, &why);
        if (code != rows[i].code)
            fail_msg("%s: %s %s", rows[i].payload, err_name(code), why.detail);
        AUTO(buf) struct buf names = buf_make(1000);
        for (size_t j = 0; j < count; j++)
            buf_printf(&names, "%s%s", j > 0 ? " " : "", list[j].value);
        if (code == ERR_OK)
            assert_true(span_is(buf_span(&names), rows[i].words));
        else if (strstr(why.detail, rows[i].words) == NULL)
            fail_msg("%s: %s", rows[i].payload, why.detail);
        assert_true(code == ERR_OK || (count == 0 && list == NULL));
    }
}

/* Each identifier that is wrong is named; what kind of problem it is in all. */
static void subproblems(void **state)
{
    static const struct {
        const char *payload;
        enum err code;
        size_t count; /* 0: there are none */
    } rows[] = {
        {"{\"identifiers\":[" DNS("*.test") "]}", ERR_REJECTED_IDENTIFIER, 1},
        {"{\"identifiers\":[" DNS("*.test") "," DNS("b.test") "]}",
         ERR_REJECTED_IDENTIFIER, 1},
        {"{\"identifiers\":[" DNS("*.test") "," DNS("*.other") "]}",
         ERR_REJECTED_IDENTIFIER, 2},
        {"{\"identifiers\":[" DNS("*.test") "," DNS("a_b.test") "]}", ERR_COMPOUND, 2},
        {"{\"identifiers\":[" DNS("a_b.test") "," DNS("*.test") "," DNS("..") "]}",
         ERR_COMPOUND, 3},
        {"{\"identifiers\":[" DNS("*.test") ",7]}", ERR_MALFORMED, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct identifier *list = NULL;
        size_t count = 0;
        struct err_info why = {0};
        assert_int_equal(policy_identifiers(arena, &scope, json_of(rows[i].payload),
                                            &list, &count, &why),
                         rows[i].code);
        assert_int_equal(why.subproblems != NULL, rows[i].count > 0);
        if (why.subproblems == NULL)
            continue;
        const struct json *all = json_of(why.subproblems);
        assert_int_equal(json_count(all), rows[i].count);
        for (size_t j = 0; j < rows[i].count; j++) {
            const struct json *one = json_element(all, j);
            assert_non_null(json_text(json_member(one, "detail")));
            assert_non_null(strstr(json_text(json_member(one, "type")), ":acme:error:"));
            assert_string_equal(
                json_text(json_member(json_member(one, "identifier"), "type")), "dns");
        }
    }
}

/* S-WILD-5, S-IP-5 and what there is of S-CH-11. */
static void offers(void **state)
{
    (void)state;
    assert_true(policy_offers(&directory, CHALLENGE_HTTP_01, IDENTIFIER_DNS, false));
    assert_true(policy_offers(&directory, CHALLENGE_DNS_01, IDENTIFIER_DNS, false));
    assert_false(policy_offers(&directory, CHALLENGE_HTTP_01, IDENTIFIER_DNS, true));
    assert_true(policy_offers(&directory, CHALLENGE_DNS_01, IDENTIFIER_DNS, true));
    assert_true(policy_offers(&directory, CHALLENGE_HTTP_01, IDENTIFIER_IP, false));
    assert_false(policy_offers(&directory, CHALLENGE_DNS_01, IDENTIFIER_IP, false));
    /* S-CH-11: devices are proved by device-attest-01, which proves nothing else */
    for (int type = 0; type < CHALLENGE_TYPE_COUNT; type++) {
        bool is_device = type == CHALLENGE_DEVICE_ATTEST_01;
        assert_int_equal(
            policy_offers(&directory, type, IDENTIFIER_PERMANENT_IDENTIFIER, false),
            is_device);
        assert_int_equal(
            policy_offers(&directory, type, IDENTIFIER_HARDWARE_MODULE, false),
            is_device);
    }
    assert_false(
        policy_offers(&directory, CHALLENGE_DEVICE_ATTEST_01, IDENTIFIER_DNS, false));
    assert_false(
        policy_offers(&directory, CHALLENGE_DEVICE_ATTEST_01, IDENTIFIER_DNS, true));
    assert_false(
        policy_offers(&directory, CHALLENGE_DEVICE_ATTEST_01, IDENTIFIER_IP, false));
    assert_true(policy_offers(&directory, CHALLENGE_TLS_ALPN_01, IDENTIFIER_DNS, false));
    assert_false(policy_offers(&directory, CHALLENGE_TLS_ALPN_01, IDENTIFIER_DNS, true));
    assert_true(policy_offers(&directory, CHALLENGE_TLS_ALPN_01, IDENTIFIER_IP, false));
}

/* Now is 2026-11-25T00:00:00Z, the issuer's time November 2026 to January 2027. */
static void validity(void **state)
{
    static const struct settings_profile ten_days = {.lifetime_seconds = 10LL * 86400,
                                                     .backdate_seconds = 60};
    static const struct policy_scope times = {&settings, &directory, &ten_days,
                                              NULL,      NULL,       NULL};
    static const struct {
        const char *payload;
        enum err code;
        int64_t not_before, not_after; /* seconds from now */
    } rows[] = {
        {"{}", ERR_OK, 0, 0},
        {"{\"notAfter\":\"2026-11-25T00:00:01Z\"}", ERR_OK, 0, 1},
        {"{\"notAfter\":\"2026-11-25T00:00:00Z\"}", ERR_MALFORMED, 0, 0},
        {"{\"notAfter\":\"2026-12-04T23:58:59Z\"}", ERR_OK, 0, 10 * 86400 - 61},
        {"{\"notAfter\":\"2026-12-04T23:59:00Z\"}", ERR_MALFORMED, 0, 0},
        {"{\"notBefore\":\"2026-11-24T23:59:00Z\"}", ERR_OK, -60, 0},
        {"{\"notBefore\":\"2026-11-24T23:58:59Z\"}", ERR_MALFORMED, 0, 0},
        {"{\"notBefore\":\"2026-12-05T00:00:00Z\"}", ERR_OK, 10 * 86400, 0},
        {"{\"notBefore\":\"2026-12-05T00:00:01Z\"}", ERR_MALFORMED, 0, 0},
        {"{\"notBefore\":\"2026-11-26T00:00:00Z\",\"notAfter\":\"2026-12-05T23:59:59Z\"}",
         ERR_OK, 86400, 11 * 86400 - 1},
        {"{\"notBefore\":\"2026-11-26T00:00:00Z\",\"notAfter\":\"2026-12-06T00:00:00Z\"}",
         ERR_MALFORMED, 0, 0},
        {"{\"notBefore\":\"2026-11-26T00:00:00Z\",\"notAfter\":\"2026-11-26T00:00:00Z\"}",
         ERR_MALFORMED, 0, 0},
        {"{\"notAfter\":\"2026-11-25T02:00:00.9+01:00\"}", ERR_OK, 0, 3600},
        {"{\"notAfter\":\"2026-11-26\"}", ERR_MALFORMED, 0, 0},
        {"{\"notAfter\":7}", ERR_MALFORMED, 0, 0},
        {"{\"notBefore\":\"\"}", ERR_MALFORMED, 0, 0},
    };
    const int64_t now = 1795564800;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int64_t begins = -7;
        int64_t ends = -7;
        struct err_info why = {0};
        enum err code = policy_validity(&times, json_of(rows[i].payload), now - 86400,
                                        now + 40 * 86400, now, &begins, &ends, &why);
        if (code != rows[i].code)
            fail_msg("%s: %s %s", rows[i].payload, err_name(code), why.detail);
        if (code != ERR_OK) {
            assert_true(begins == -7 && ends == -7);
            continue;
        }
        assert_int_equal(begins, rows[i].not_before != 0 ? now + rows[i].not_before : 0);
        assert_int_equal(ends, rows[i].not_after != 0 ? now + rows[i].not_after : 0);
    }
}

/* X-TLS-2: and no longer than the Baseline Requirements allow on that day. */
static void validity_baseline(void **state)
{
    static const struct settings_profile long_one = {.lifetime_seconds = 825LL * 86400,
                                                     .baseline = true};
    static const struct policy_scope by_day = {&settings, &directory, &long_one,
                                               NULL,      NULL,       NULL};
    const int64_t now = 1795564800; /* 2026-11-25, when it is 200 days */
    int64_t begins = 0;
    int64_t ends = 0;

    (void)state;
    assert_int_equal(policy_validity(&by_day,
                                     json_of("{\"notAfter\":\"2027-06-12T23:59:59Z\"}"),
                                     0, now + 1000LL * 86400, now, &begins, &ends, NULL),
                     ERR_OK);
    assert_int_equal(ends - now + 1, 200 * 86400);
    /* X-TLS-1: 48 h ahead */
    assert_int_equal(policy_validity(&by_day,
                                     json_of("{\"notBefore\":\"2026-11-27T00:00:00Z\"}"),
                                     0, now + 1000LL * 86400, now, &begins, &ends, NULL),
                     ERR_OK);
    assert_int_equal(policy_validity(&by_day,
                                     json_of("{\"notBefore\":\"2026-11-27T00:00:01Z\"}"),
                                     0, now + 1000LL * 86400, now, &begins, &ends, NULL),
                     ERR_MALFORMED);
    assert_int_equal(policy_validity(&by_day,
                                     json_of("{\"notAfter\":\"2027-06-13T00:00:00Z\"}"),
                                     0, now + 1000LL * 86400, now, &begins, &ends, NULL),
                     ERR_MALFORMED);
}

static void contacts(void **state)
{
    static const struct {
        const char *payload;
        enum err code;
        const char *kept; /* NULL: the member is not there, or it is refused */
    } rows[] = {
        {"{}", ERR_OK, NULL},
        {"{\"contact\":[]}", ERR_OK, "[]"},
        {"{\"contact\":[\"mailto:a@b.test\"]}", ERR_OK, "[\"mailto:a@b.test\"]"},
        {"{\"contact\":[\"MAILTO:a@b\",\"mailto:c+d@e.test\"]}", ERR_OK,
         "[\"MAILTO:a@b\",\"mailto:c+d@e.test\"]"},
        {"{\"contact\":[\"mailto:a@b\",\"mailto:a@b\",\"mailto:a@b\"]}",
         ERR_INVALID_CONTACT, NULL},
        {"{\"contact\":\"mailto:a@b\"}", ERR_MALFORMED, NULL},
        {"{\"contact\":null}", ERR_MALFORMED, NULL},
        {"{\"contact\":[7]}", ERR_MALFORMED, NULL},
        {"{\"contact\":[\"\"]}", ERR_UNSUPPORTED_CONTACT, NULL},
        {"{\"contact\":[\"mailto\"]}", ERR_UNSUPPORTED_CONTACT, NULL},
        {"{\"contact\":[\"tel:+1\"]}", ERR_UNSUPPORTED_CONTACT, NULL},
        {"{\"contact\":[\"https://a@b\"]}", ERR_UNSUPPORTED_CONTACT, NULL},
        {"{\"contact\":[\"mailto:\"]}", ERR_INVALID_CONTACT, NULL},
        {"{\"contact\":[\"mailto:a\"]}", ERR_INVALID_CONTACT, NULL},
        {"{\"contact\":[\"mailto:@b\"]}", ERR_INVALID_CONTACT, NULL},
        {"{\"contact\":[\"mailto:a@\"]}", ERR_INVALID_CONTACT, NULL},
        {"{\"contact\":[\"mailto:a@b@c\"]}", ERR_INVALID_CONTACT, NULL},
        {"{\"contact\":[\"mailto:a@b,c@d\"]}", ERR_INVALID_CONTACT, NULL},
        {"{\"contact\":[\"mailto:a@b?subject=x\"]}", ERR_INVALID_CONTACT, NULL},
        {"{\"contact\":[\"mailto:a@b\\r\\nBcc: c@d\"]}", ERR_INVALID_CONTACT, NULL},
        {"{\"contact\":[\"mailto:<a@b>\"]}", ERR_INVALID_CONTACT, NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *kept = NULL;
        struct err_info why = {0};
        enum err code =
            policy_contacts(arena, &settings, json_of(rows[i].payload), &kept, &why);
        if (code != rows[i].code)
            fail_msg("%s: %s %s", rows[i].payload, err_name(code), why.detail);
        if (rows[i].kept == NULL)
            assert_null(kept);
        else
            assert_string_equal(kept, rows[i].kept);
    }
    char *longest = arena_printf(arena, "{\"contact\":[\"mailto:%0503d@b\"]}", 0);
    const char *kept = NULL;
    assert_int_equal(policy_contacts(arena, &settings, json_of(longest), &kept, NULL),
                     ERR_OK);
    longest = arena_printf(arena, "{\"contact\":[\"mailto:%0504d@b\"]}", 0);
    assert_int_equal(policy_contacts(arena, &settings, json_of(longest), &kept, NULL),
                     ERR_INVALID_CONTACT);
}

/* One that a weak key would be told by. */
static bool has_small_factor(const uint8_t *number, size_t octets)
{
    for (unsigned int divisor = 3; divisor < 800; divisor += 2) {
        unsigned int rest = 0;
        for (size_t i = 0; i < octets; i++)
            rest = (rest << 8 | number[i]) % divisor;
        if (rest == 0)
            return true;
    }
    return false;
}

static struct key *rsa_of(size_t octets, uint8_t top, const char *exponent, size_t len)
{
    struct key *key = NULL;
    uint8_t *modulus = arena_get(arena, octets);

    memset(modulus, 0x55, octets);
    modulus[0] = top;
    modulus[octets - 1] = 1;
    while (has_small_factor(modulus, octets))
        modulus[octets - 2]++;
    assert_int_equal(
        key_from_rsa(span_make(modulus, octets), span_make(exponent, len), &key, NULL),
        ERR_OK);
    return arena_own(arena, key, key_drop);
}

static struct key *made(enum key_type type)
{
    struct key *key = NULL;

    assert_int_equal(key_generate(type, 2048, &key, NULL), ERR_OK);
    return arena_own(arena, key, key_drop);
}

static void keys(void **state)
{
    const struct key *account = made(KEY_P256);
    static const enum key_type types[] = {KEY_P256, KEY_P384, KEY_P521, KEY_ED25519,
                                          KEY_RSA};

    (void)state;
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        const struct key *key = made(types[i]);
        assert_int_equal(policy_account_key(NULL, key, NULL), ERR_OK);
        assert_int_equal(policy_subject_key(NULL, key, account, NULL), ERR_OK);
        assert_int_equal(policy_subject_key(NULL, key, key, NULL), ERR_BAD_CSR);
    }
    static const struct {
        size_t octets;
        uint8_t top;
        const char *exponent;
        size_t len;
        enum err code;
        enum err of_account;
    } rows[] = {
        {256, 0x80, "\x01\x00\x01", 3, ERR_OK, ERR_OK},
        {384, 0x80, "\x01\x00\x01", 3, ERR_OK, ERR_OK},
        {512, 0x80, "\x01\x00\x01", 3, ERR_OK, ERR_OK},
        {512, 0x80, "\xff\xff\xff\xff\xff\xff\xff\xff", 8, ERR_OK, ERR_OK},
        {257, 0x08, "\x01\x00\x01", 3, ERR_BAD_CSR, ERR_BAD_PUBLIC_KEY}, /* 2052 bits */
        {513, 0x80, "\x01\x00\x01", 3, ERR_BAD_CSR, ERR_OK},             /* 4104 bits */
        {256, 0x80, "\x03", 1, ERR_BAD_CSR, ERR_OK},
        {256, 0x80, "\xff\xff", 2, ERR_BAD_CSR, ERR_OK},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct key *key =
            rsa_of(rows[i].octets, rows[i].top, rows[i].exponent, rows[i].len);
        assert_int_equal(policy_subject_key(NULL, key, account, NULL), rows[i].code);
        assert_int_equal(policy_account_key(NULL, key, NULL), rows[i].of_account);
    }
}

static int set_up(void **state)
{
    (void)state;
    arena = arena_new();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(identifiers),
        cmocka_unit_test(subproblems),
        cmocka_unit_test(offers),
        cmocka_unit_test(validity),
        cmocka_unit_test(validity_baseline),
        cmocka_unit_test(contacts),
        cmocka_unit_test(keys),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
