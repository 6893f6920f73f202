/* Attributes of the subject: the right strings, not too long, one of a kind. */
#include <string.h>

#include "core/crypto/der_read.h"
#include "server/lint/lint_rule.h"

/* Upper bounds in characters. */
static const struct {
    enum oid type;
    size_t least;
    size_t most;
    bool printable; /* and nothing else */
} bounds[] = {
    {OID_COUNTRY, 2, 2, true},
    {OID_ORGANIZATION, 1, 64, false},
    {OID_ORGANIZATIONAL_UNIT, 1, 64, false},
    {OID_COMMON_NAME, 1, 64, false},
};

/* Characters of UTF-8 in its shortest form without surrogates (RFC 3629 4) and controls;
 * SIZE_MAX: it is none. */
static size_t characters(struct span s)
{
    size_t count = 0;

    for (size_t i = 0; i < s.len; count++) {
        uint8_t lead = s.data[i];
        size_t more = lead < 0x80 ? 0 : lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : 3;
        uint32_t c = more == 0 ? lead : lead & (0x3fU >> more);
        if ((lead >= 0x80 && lead < 0xc2) || lead > 0xf4 || more >= s.len - i)
            return SIZE_MAX;
        for (size_t j = 1; j <= more; j++) {
            if ((s.data[i + j] & 0xc0) != 0x80)
                return SIZE_MAX;
            c = c << 6 | (s.data[i + j] & 0x3fU);
        }
        if ((more == 2 && c < 0x800) || (more == 3 && c < 0x10000) || c > 0x10ffff ||
            (c >= 0xd800 && c <= 0xdfff) || c < 0x20 || (c >= 0x7f && c < 0xa0))
            return SIZE_MAX;
        i += more + 1;
    }
    return count;
}

static bool is_printable(struct span s)
{
    static const char others[] = " '()+,-./:=?";

    for (size_t i = 0; i < s.len; i++) {
        uint8_t c = s.data[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
              (c >= '0' && c <= '9') || (c != 0 && strchr(others, c) != NULL)))
            return false;
    }
    return true;
}

static const char *judge(const struct lint_attribute *one)
{
    size_t i = 0;

    while (i < sizeof bounds / sizeof bounds[0] && !oid_is(one->type, bounds[i].type))
        i++;
    if (i == sizeof bounds / sizeof bounds[0])
        return "the subject has an attribute that this CA does not write";
    if (one->tag != DER_PRINTABLE_STRING &&
        (one->tag != DER_UTF8_STRING || bounds[i].printable))
        return "an attribute of the subject is of the wrong type of string";
    if (one->tag == DER_PRINTABLE_STRING && !is_printable(one->value))
        return "a PrintableString has characters that are not its";
    size_t count = characters(one->value);
    if (count == SIZE_MAX)
        return "an attribute of the subject is no text";
    if (count < bounds[i].least || count > bounds[i].most)
        return "an attribute of the subject is too short or too long";
    return NULL;
}

const char *rule_name_strings(const struct lint_subject *s)
{
    if (lint_rule_is_broken(s, LINT_PART_SUBJECT))
        return "the subject is malformed";
    for (size_t i = 0; i < s->attribute_count; i++) {
        const char *complaint = judge(&s->attributes[i]);
        if (complaint != NULL)
            return complaint;
        if (!s->attributes[i].alone)
            return "attributes of the subject are in one set";
        for (size_t j = 0; j < i; j++)
            if (span_equal(s->attributes[i].type, s->attributes[j].type))
                return "an attribute of the subject is there twice";
    }
    return NULL;
}
