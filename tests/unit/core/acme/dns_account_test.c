/* Tests of core/acme/dns_account. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "core/acme/dns_account.h"

/* S-DNSA-2, C-DNSA-3: the example of draft-ietf-acme-dns-account-label 3.2, and others by
 * printf %s URL | openssl dgst -sha256 -binary | head -c 10 | base32. */
static void labels(void **state)
{
    static const char *const rows[][2] = {
        {"https://example.com/acme/acct/ExampleAccount", "_ujmmovf2vn55tgye"},
        {"https://ca.example:8443/acme/account/1", "_nzvql577n44d6o4b"},
        {"https://ca.example/acme/internal/account/9223372036854775807",
         "_7ridltph5gy2m77f"},
        {"", "_4oymiquy7qobjgx3"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char label[DNS_ACCOUNT_LABEL_SIZE];
        memset(label, 'x', sizeof label);
        dns_account_label(rows[i][0], label);
        assert_string_equal(label, rows[i][1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(labels)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
