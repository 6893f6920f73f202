/* Tests of core/acme/terms: the words of RFC 8555 7.1.6 and 9.7, both ways. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/acme/terms.h"

/* Each word of a list leads to its value and back; what is none leads nowhere. */
#define BOTH_WAYS(what, type, ...)                                                       \
    static void what(void **state)                                                       \
    {                                                                                    \
        static const char *const words[] = {__VA_ARGS__};                                \
        static const char *const none[] = {"", "unknown", "Pending", "valid ", "x"};     \
        const int count = (int)(sizeof words / sizeof words[0]);                         \
        enum type value;                                                                 \
        (void)state;                                                                     \
        for (int i = 0; i < count; i++) {                                                \
            assert_true(terms_read_##what(words[i], &value));                            \
            assert_int_equal(value, i);                                                  \
            assert_string_equal(terms_##what((enum type)i), words[i]);                   \
        }                                                                                \
        for (size_t i = 0; i < sizeof none / sizeof none[0]; i++)                        \
            assert_false(terms_read_##what(none[i], &value));                            \
        assert_false(terms_read_##what(NULL, &value));                                   \
        assert_string_equal(terms_##what((enum type)count), "unknown");                  \
        assert_int_equal(value, count - 1);                                              \
    }

BOTH_WAYS(challenge_type, challenge_type, "http-01", "dns-01", "tls-alpn-01",
          "dns-account-01", "dns-persist-01", "device-attest-01")
BOTH_WAYS(identifier_type, identifier_type, "dns", "ip", "permanent-identifier",
          "hardware-module")
BOTH_WAYS(order_status, order_status, "pending", "ready", "processing", "valid",
          "invalid", "canceled")
BOTH_WAYS(authz_status, authz_status, "pending", "valid", "invalid", "deactivated",
          "expired", "revoked")
BOTH_WAYS(challenge_status, challenge_status, "pending", "processing", "valid", "invalid")
BOTH_WAYS(account_status, account_status, "valid", "deactivated", "revoked")

static void answers(void **state)
{
    static const struct {
        enum challenge_type type;
        bool name, wildcard, address, device;
    } rows[] = {
        {CHALLENGE_HTTP_01, true, false, true, false},     /* RFC 8555 8.3, RFC 8738 4 */
        {CHALLENGE_DNS_01, true, true, false, false},      /* RFC 8555 8.4, RFC 8738 7 */
        {CHALLENGE_TLS_ALPN_01, true, false, true, false}, /* RFC 8737 3, RFC 8738 6 */
        {CHALLENGE_DEVICE_ATTEST_01, false, false, false, true}, /* S-CH-11 */
        {CHALLENGE_TYPE_COUNT, false, false, false, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        enum challenge_type type = rows[i].type;
        assert_int_equal(terms_answers(type, IDENTIFIER_DNS, false), rows[i].name);
        assert_int_equal(terms_answers(type, IDENTIFIER_DNS, true), rows[i].wildcard);
        assert_int_equal(terms_answers(type, IDENTIFIER_IP, false), rows[i].address);
        assert_false(terms_answers(type, IDENTIFIER_IP, true));
        assert_int_equal(terms_answers(type, IDENTIFIER_PERMANENT_IDENTIFIER, false),
                         rows[i].device);
        assert_int_equal(terms_answers(type, IDENTIFIER_HARDWARE_MODULE, false),
                         rows[i].device);
        assert_false(terms_answers(type, IDENTIFIER_HARDWARE_MODULE, true));
        assert_false(terms_answers(type, IDENTIFIER_TYPE_COUNT, false));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(challenge_type),   cmocka_unit_test(identifier_type),
        cmocka_unit_test(order_status),     cmocka_unit_test(authz_status),
        cmocka_unit_test(challenge_status), cmocka_unit_test(account_status),
        cmocka_unit_test(answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
