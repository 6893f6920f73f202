/* HardwareModuleName has both members, the serial number as an OCTET STRING. X-DEV-4 */
#include "server/lint/lint_device.h"

const char *rule_hardware_module(const struct lint_subject *s)
{
    return lint_device_judge(s, OID_HARDWARE_MODULE_NAME)
               ? NULL
               : "a HardwareModuleName is malformed, or no identifier of ACME";
}
