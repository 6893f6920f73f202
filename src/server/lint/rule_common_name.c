/* A common name is one of the names, character by character. */
#include "core/crypto/der_read.h"
#include "core/net/address.h"
#include "server/lint/lint_device.h"

const char *rule_common_name(const struct lint_subject *s)
{
    const struct lint_attribute *name = lint_rule_attribute(s, OID_COMMON_NAME);
    struct address address;
    char text[ADDRESS_TEXT_SIZE];

    if (name == NULL)
        return NULL;
    for (size_t i = 0; i < s->name_count; i++) {
        struct span value = s->names[i].value;
        if (s->names[i].tag == DER_CONTEXT(2) && span_equal(value, name->value))
            return NULL;
        const char *device = lint_device_value(s, &s->names[i]);
        if (device != NULL && span_is(name->value, device))
            return NULL;
        if (s->names[i].tag == DER_CONTEXT(7) && address_from_octets(value, &address)) {
            address_text(&address, text);
            if (span_is(name->value, text))
                return NULL;
        }
    }
    return "the common name is none of the names";
}
