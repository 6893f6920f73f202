/* DNS names, addresses, names of devices and UUIDs only, each well-formed (those of
 * devices have rules of their own); critical if the subject is empty. */
#include <string.h>

#include "core/crypto/der_read.h"
#include "core/x509/device_name.h"
#include "server/lint/lint_rule.h"

#define NAME_MAX_OCTETS  253
#define LABEL_MAX_OCTETS 63

static bool is_letter_or_digit(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* Labels of lower-case letters, digits and inner hyphens; the first may be "*". */
static bool is_name(struct span name)
{
    size_t label = 0;
    size_t start = name.len > 2 && name.data[0] == '*' && name.data[1] == '.' ? 2 : 0;

    if (name.len == start || name.len > NAME_MAX_OCTETS || name.data[name.len - 1] == '.')
        return false;
    for (size_t i = start; i < name.len; i++) {
        uint8_t c = name.data[i];
        bool ends = i + 1 == name.len || name.data[i + 1] == '.';
        if (c == '.') {
            if (label == 0)
                return false;
            label = 0;
            continue;
        }
        if (++label > LABEL_MAX_OCTETS)
            return false;
        if (!is_letter_or_digit(c) && (c != '-' || label == 1 || ends))
            return false;
    }
    return true;
}

/* Four octets, or sixteen that do not stand for four (RFC 5280 4.2.1.6, RFC 8738 3). */
static bool is_address(struct span octets)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

    return octets.len == 4 ||
           (octets.len == 16 && memcmp(octets.data, mapped, sizeof mapped) != 0);
}

/* urn:uuid: and a UUID in lower case (RFC 9562 4). */
static bool is_uuid(struct span uri)
{
    static const char form[] = "urn:uuid:xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";

    if (uri.len != sizeof form - 1)
        return false;
    for (size_t i = 0; i < uri.len; i++) {
        uint8_t c = uri.data[i];
        bool is_digit = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
        if (form[i] == 'x' ? !is_digit : c != (uint8_t)form[i])
            return false;
    }
    return true;
}

static bool is_good(const struct lint_name *name)
{
    struct device_name ignored;

    switch (name->tag) {
    case DER_CONTEXT(2):
        return is_name(name->value);
    case DER_CONTEXT(6):
        return is_uuid(name->value);
    case DER_CONTEXT(7):
        return is_address(name->value);
    case DER_SAN_OTHER:
        return device_name_read(name->value, &ignored) != DEVICE_NAME_NONE;
    default:
        return false;
    }
}

const char *rule_alternative_names(const struct lint_subject *s)
{
    const struct lint_extension *e = lint_rule_extension(s, OID_SUBJECT_ALTERNATIVE_NAME);

    if (e == NULL)
        return "there is no subjectAltName";
    if (e->critical != (s->attribute_count == 0))
        return "the subjectAltName must be critical beside an empty subject, and only "
               "then";
    if (lint_rule_is_broken(s, LINT_PART_NAMES))
        return "the subjectAltName is malformed";
    if (s->name_count == 0)
        return "the subjectAltName is empty";
    for (size_t i = 0; i < s->name_count; i++)
        if (!is_good(&s->names[i]))
            return "a DNS name, an address or a UUID is malformed, or a name is of "
                   "another "
                   "kind";
    return NULL;
}
