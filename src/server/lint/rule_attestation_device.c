/* The device is named: one otherName, a PermanentIdentifier with its value or a
 * HardwareModuleName. */
#include "core/acme/identifier_device.h"
#include "core/crypto/der_read.h"
#include "server/lint/lint_rule.h"

/* Can an order be for it? */
static bool is_device(struct arena *a, struct span content)
{
    struct der_reader r = der_read_start(content, 2);
    struct identifier device;
    struct span id = {0};
    struct span oid = {0};

    struct span type = der_read_oid(&r);
    bool is_module = oid_is(type, OID_HARDWARE_MODULE_NAME);
    der_read_enter(&r, DER_CONTEXT_CONSTRUCTED(0));
    der_read_enter(&r, DER_SEQUENCE);
    if (is_module) {
        oid = der_read_oid(&r);
        id = der_read_expect(&r, DER_OCTET_STRING);
    } else {
        id = der_read_expect(&r, DER_UTF8_STRING);
        if (der_read_more(&r))
            oid = der_read_oid(&r);
    }
    der_read_leave(&r);
    der_read_leave(&r);
    return der_read_ok(&r) && !der_read_more(&r) &&
           (is_module || oid_is(type, OID_PERMANENT_IDENTIFIER)) &&
           identifier_device_join(a,
                                  is_module ? IDENTIFIER_HARDWARE_MODULE
                                            : IDENTIFIER_PERMANENT_IDENTIFIER,
                                  id, oid, &device, NULL) == ERR_OK;
}

const char *rule_attestation_device(const struct lint_subject *s)
{
    size_t found = 0;

    for (size_t i = 0; i < s->name_count; i++) {
        if (s->names[i].tag != DER_CONTEXT_CONSTRUCTED(0))
            continue;
        if (!is_device(s->arena, s->names[i].value))
            return "an otherName is neither a PermanentIdentifier with its value nor a "
                   "HardwareModuleName";
        found++;
    }
    return found == 1 ? NULL : "there is not just one otherName";
}
