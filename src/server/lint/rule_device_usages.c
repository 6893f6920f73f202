/* Who names a device certifies a client. X-DEV-1 */
#include "server/lint/lint_device.h"

const char *rule_device_usages(const struct lint_subject *s)
{
    if (lint_device_is_named(s) && !lint_rule_has_usage(s, OID_CLIENT_AUTH))
        return "it names a device and is not for clients";
    return NULL;
}
