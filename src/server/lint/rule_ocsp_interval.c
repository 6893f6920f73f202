/* Baseline Requirements 4.9.10: from eight hours to ten days. */
#include "server/lint/lint_ocsp_rule.h"

const char *rule_ocsp_interval(const struct lint_ocsp_subject *s)
{
    for (size_t i = 0; i < s->data->count; i++) {
        const struct ocsp_single *one = &s->data->singles[i];
        int64_t interval = one->next_update - one->this_update;
        if (interval < LINT_OCSP_INTERVAL_LEAST)
            return "nextUpdate is less than 8 hours after thisUpdate";
        if (interval > LINT_OCSP_INTERVAL_MOST)
            return "nextUpdate is more than 10 days after thisUpdate";
    }
    return NULL;
}
