/* RFC 5280 5.1.2.6, 5.3: serials that can be, and nothing but a reason. */
#include "server/lint/lint_crl_rule.h"

const char *rule_crl_entries(const struct lint_crl_subject *s)
{
    if (s->entries.bad_serial)
        return "a serial that is not positive or has more than 20 octets";
    if (s->entries.others)
        return "an entry has an extension that is no reason, or a critical one";
    if (s->entries.in_future)
        return "a certificate is revoked in the future";
    return NULL;
}
