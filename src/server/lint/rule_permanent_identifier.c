/* PermanentIdentifier has an identifierValue, and an assigner where one is meant. X-DEV-3
 */
#include "server/lint/lint_device.h"

const char *rule_permanent_identifier(const struct lint_subject *s)
{
    return lint_device_judge(s, OID_PERMANENT_IDENTIFIER)
               ? NULL
               : "a PermanentIdentifier is malformed, or no identifier of ACME";
}
