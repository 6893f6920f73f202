/* DNS names only, each well-formed, none twice in a row; critical, as the subject is
 * empty. */
#include "core/crypto/der_read.h"
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

const char *rule_alternative_names(const struct lint_subject *s)
{
    const struct lint_extension *e = lint_rule_extension(s, OID_SUBJECT_ALTERNATIVE_NAME);
    bool good = true;
    size_t count = 0;

    if (e == NULL || !e->critical)
        return "there is no critical subjectAltName beside the empty subject";
    struct der_reader r = der_read_start(e->value, 2);
    der_read_enter(&r, DER_SEQUENCE);
    for (; der_read_more(&r); count++)
        good = is_name(der_read_expect(&r, DER_CONTEXT(2))) && good;
    der_read_leave(&r);
    if (der_read_finish(&r, ERR_LINT, "the subjectAltName", NULL) != ERR_OK)
        return "the subjectAltName is malformed or has names that are no DNS names";
    if (count == 0 || !good)
        return "a DNS name is malformed, or there is none";
    return NULL;
}
