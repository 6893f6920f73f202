/* Where the profile keeps devices to itself, none is named. X-DEV-5 */
#include "server/lint/lint_device.h"

const char *rule_device_privacy(const struct lint_subject *s)
{
    if (s->question->profile != NULL && s->question->profile->device_privacy &&
        lint_device_is_named(s))
        return "it names a device, which the profile does not want";
    return NULL;
}
