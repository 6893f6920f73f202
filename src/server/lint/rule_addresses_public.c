/* Addresses that are nobody's in particular are not certified. */
#include "core/crypto/der_read.h"
#include "core/net/address.h"
#include "server/lint/lint_rule.h"

const char *rule_addresses_public(const struct lint_subject *s)
{
    struct address address;

    for (size_t i = 0; i < s->name_count; i++)
        if (s->names[i].tag == DER_CONTEXT(7) &&
            address_from_octets(s->names[i].value, &address) &&
            address_is_special(&address))
            return "an address is reserved";
    return NULL;
}
