/* Nothing but a client, unless its operator wants it so. X-DEV-1 */
#include "server/lint/lint_device.h"

const char *rule_device_usages_other(const struct lint_subject *s)
{
    if (lint_device_is_named(s) && s->usage_count > 1)
        return "it names a device and is for more than clients";
    return NULL;
}
