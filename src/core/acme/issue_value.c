/* RFC 8659 4.2, to the letter. */
#include "core/acme/issue_value.h"

#include <stdbool.h>

#include "core/base/text.h"

static bool is_wsp(uint8_t c)
{
    return c == ' ' || c == '\t';
}

static bool is_alphanumeric(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool is_value(uint8_t c)
{
    return c >= 0x21 && c <= 0x7e && c != ';';
}

static struct span trim(struct span s)
{
    while (s.len > 0 && is_wsp(s.data[0]))
        s = span_slice(s, 1, s.len);
    while (s.len > 0 && is_wsp(s.data[s.len - 1]))
        s.len--;
    return s;
}

/* Where the octet is first, or the length. */
static size_t find(struct span s, uint8_t octet)
{
    size_t i = 0;

    while (i < s.len && s.data[i] != octet)
        i++;
    return i;
}

/* A label, or a tag: letters, digits, and hyphens between them. */
static bool is_word(struct span s)
{
    for (size_t i = 0; i < s.len; i++)
        if (!is_alphanumeric(s.data[i]) && (s.data[i] != '-' || i == 0 || i == s.len - 1))
            return false;
    return s.len > 0;
}

static bool is_domain_name(struct span s)
{
    for (;;) {
        size_t len = find(s, '.');
        if (!is_word(span_slice(s, 0, len)))
            return false;
        if (len == s.len)
            return true;
        s = span_slice(s, len + 1, s.len);
    }
}

struct span issue_value_issuer(struct span text)
{
    return trim(span_slice(text, 0, find(text, ';')));
}

static enum err read_parameter(struct span text, struct issue_parameter *parameter,
                               struct err_info *why)
{
    size_t equals = find(text, '=');
    struct span tag = trim(span_slice(text, 0, equals));

    if (trim(text).len == 0)
        return err_set(why, ERR_MALFORMED, "a parameter is missing behind a semicolon");
    if (equals == text.len)
        return err_set(why, ERR_MALFORMED, "a parameter has no \"=\"");
    if (!is_word(tag))
        return err_set(why, ERR_MALFORMED,
                       "the tag of a parameter is not of letters, digits and hyphens");
    parameter->tag = tag;
    parameter->value = trim(span_slice(text, equals + 1, text.len));
    for (size_t i = 0; i < parameter->value.len; i++)
        if (!is_value(parameter->value.data[i]))
            return err_set(why, ERR_MALFORMED,
                           "the value of \"%.*s\" has a space or an octet that is no "
                           "printable ASCII character",
                           (int)(tag.len < 40 ? tag.len : 40), (const char *)tag.data);
    return ERR_OK;
}

enum err issue_value_read(struct span text, struct issue_value *value,
                          struct err_info *why)
{
    struct issue_value read = {.issuer = issue_value_issuer(text)};
    size_t end = find(text, ';');

    if (read.issuer.len > 0 && !is_domain_name(read.issuer))
        return err_set(why, ERR_MALFORMED,
                       "what stands in front of the first semicolon is no domain name of "
                       "letters, digits, hyphens and dots");
    struct span rest = span_slice(text, end + 1, text.len);
    bool more = end < text.len && trim(rest).len > 0;
    while (more) {
        if (read.count == ISSUE_VALUE_PARAMETERS_MAX)
            return err_set(why, ERR_MALFORMED, "there are more than %d parameters",
                           ISSUE_VALUE_PARAMETERS_MAX);
        end = find(rest, ';');
        TRY(read_parameter(span_slice(rest, 0, end), &read.parameters[read.count], why));
        read.count++;
        more = end < rest.len;
        rest = span_slice(rest, end + 1, rest.len);
    }
    *value = read;
    return ERR_OK;
}

const struct issue_parameter *issue_value_find(const struct issue_value *value,
                                               const char *tag,
                                               const struct issue_parameter *after)
{
    size_t i = after == NULL ? 0 : (size_t)(after - value->parameters) + 1;

    for (; i < value->count; i++)
        if (text_equal_ignoring_case(value->parameters[i].tag, span_of(tag)))
            return &value->parameters[i];
    return NULL;
}
