/* Tests of client/request/acme_request: Retry-After. Requests are tested whole, in
 * tests/flow. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "client/request/acme_request.h"

#define NOW 1700000000 /* Tue, 14 Nov 2023 22:13:20 GMT */

/* RFC 9110 10.2.3: seconds, or a date; what is neither says nothing. */
static void retry_after(void **state)
{
    static const struct {
        const char *text;
        int64_t seconds;
    } rows[] = {
        {NULL, 0},
        {"", 0},
        {"0", 0},
        {"120", 120},
        {"-5", 0},
        {"1.5", 0},
        {"99999999999999999999", INT32_MAX},
        {"2147483648", INT32_MAX},
        {"Tue, 14 Nov 2023 22:13:50 GMT", 30},
        {"Wed, 15 Nov 2023 22:13:20 GMT", 86400},
        {"Tue, 14 Nov 2023 22:13:20 GMT", 0},
        {"Tue, 14 Nov 2023 22:00:00 GMT", 0},
        {"Tue, 14 Nox 2023 22:13:50 GMT", 0},
        {"Tue, 44 Nov 2023 22:13:50 GMT", 0},
        {"soon", 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(acme_request_retry_after(rows[i].text, NOW), rows[i].seconds);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(retry_after)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
