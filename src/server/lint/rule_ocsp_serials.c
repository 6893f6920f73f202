/* RFC 5280 4.1.2.2: what is known has a serial that a certificate can have. */
#include "server/lint/lint_ocsp_rule.h"

#define SERIAL_MAX 20 /* octets */

const char *rule_ocsp_serials(const struct lint_ocsp_subject *s)
{
    for (size_t i = 0; i < s->data->count; i++) {
        size_t len = s->data->singles[i].id.serial.len;
        if (s->data->singles[i].status != OCSP_UNKNOWN && (len == 0 || len > SERIAL_MAX))
            return "a serial is not positive, or longer than 20 octets";
    }
    return NULL;
}
