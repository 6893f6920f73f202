/* Devices sign. X-DEV-2 */
#include "server/lint/lint_device.h"

const char *rule_device_key_usage(const struct lint_subject *s)
{
    if (lint_device_is_named(s) && (s->key_usage & LINT_DIGITAL_SIGNATURE) == 0)
        return "it names a device, and the key usage lacks digitalSignature";
    return NULL;
}
