/* RFC 6960 2.4, RFC 5019 2.2.4: since when it is right, and when the next one is due. */
#include "server/lint/lint_ocsp_rule.h"

const char *rule_ocsp_times(const struct lint_ocsp_subject *s)
{
    const struct ocsp_data *data = s->data;

    if (data->produced > s->now)
        return "producedAt is in the future";
    for (size_t i = 0; i < data->count; i++) {
        const struct ocsp_single *one = &data->singles[i];
        if (one->next_update == 0)
            return "nextUpdate is missing";
        if (one->this_update > data->produced)
            return "thisUpdate is after producedAt";
        if (one->next_update <= s->now)
            return "nextUpdate is over already";
    }
    return NULL;
}
