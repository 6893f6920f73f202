/* Tests of client/agent/agent_metrics; tests/flow/test_client_agent.py has a foreign
 * reader judge the whole. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "client/agent/agent_metrics.h"
#include "client/renewal/renewal_when.h"

static const struct agent_metrics_row rows[] = {
    {.name = "www.test",
     .ca = "https://ca.test/dir",
     .not_before = 100,
     .not_after = 900,
     .revoked = true,
     .next = 600,
     .deploy_failures = 2,
     .failures = 3,
     .failed_at = 610,
     .failed = 7,
     .issued = 4,
     .succeeded = 101,
     .duration_ms = 12034},
    {.name = "a\"\\\n", .ca = "", .next = RENEWAL_WHEN_NEVER},
};

static void lines(void **state)
{
    static const char *const there[] = {
        "cairn_certificates 2\n",
        "cairn_last_run_seconds 700\n",
        "# TYPE cairn_certificate_issuances_total counter\n",
        "cairn_certificate_not_after_seconds{name=\"www.test\",ca=\"https://ca.test/"
        "dir\"} 900\n",
        "cairn_certificate_renewal_seconds{name=\"www.test\",ca=\"https://ca.test/"
        "dir\"} 600\n",
        "cairn_certificate_revoked{name=\"www.test\",ca=\"https://ca.test/dir\"} 1\n",
        "cairn_certificate_failures{name=\"www.test\",ca=\"https://ca.test/dir\"} 3\n",
        "cairn_certificate_last_failure_seconds{name=\"www.test\",ca=\"https://ca.test/"
        "dir\"} 610\n",
        "cairn_certificate_issuance_duration_seconds{name=\"www.test\",ca=\"https://"
        "ca.test/dir\"} 12.034\n",
        "cairn_certificate_deployments_failed{name=\"www.test\",ca=\"https://ca.test/"
        "dir\"} 2\n",
        "cairn_certificate_failures_total{name=\"a\\\"\\\\\\n\",ca=\"\"} 0\n",
    };
    static const char *const missing[] = {
        "cairn_certificate_renewal_seconds{name=\"a",
        "cairn_certificate_last_success_seconds{name=\"a",
        "cairn_certificate_last_failure_seconds{name=\"a",
        "cairn_certificate_issuance_duration_seconds{name=\"a",
    };
    AUTO(buf) struct buf b = buf_make(64 * 1024);

    (void)state;
    agent_metrics_write(&b, rows, 2, 700);
    buf_add_octet(&b, '\0');
    for (size_t i = 0; i < sizeof there / sizeof there[0]; i++)
        if (strstr((const char *)b.data, there[i]) == NULL)
            fail_msg("%s is not in\n%s", there[i], (const char *)b.data);
    for (size_t i = 0; i < sizeof missing / sizeof missing[0]; i++)
        if (strstr((const char *)b.data, missing[i]) != NULL)
            fail_msg("%s is in\n%s", missing[i], (const char *)b.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(lines)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
