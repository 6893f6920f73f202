/* Names with their types. */
#include "client/settings/name.h"

#include <string.h>

#include "core/base/text.h"

static bool has_type(const char *name, enum identifier_type type)
{
    const char *word = terms_identifier_type(type);
    size_t len = strlen(word);

    return strncmp(name, word, len) == 0 && name[len] == ':';
}

struct identifier name_identifier(const char *name)
{
    struct address address;

    for (int t = 0; t < IDENTIFIER_TYPE_COUNT; t++) {
        enum identifier_type type = (enum identifier_type)t;
        if (terms_is_device(type) && has_type(name, type))
            return (struct identifier){type,
                                       name + strlen(terms_identifier_type(type)) + 1};
    }
    return (struct identifier){
        address_parse(span_of(name), &address) ? IDENTIFIER_IP : IDENTIFIER_DNS, name};
}

char *name_text(struct arena *a, const struct identifier *identifier)
{
    if (!terms_is_device(identifier->type))
        return arena_string(a, identifier->value);
    return arena_printf(a, "%s:%s", terms_identifier_type(identifier->type),
                        identifier->value);
}

bool name_is_device(const char *name)
{
    return terms_is_device(name_identifier(name).type);
}

bool name_equal(const struct identifier *x, const struct identifier *y)
{
    if (x->type != y->type)
        return false;
    return x->type == IDENTIFIER_DNS
               ? text_equal_ignoring_case(span_of(x->value), span_of(y->value))
               : strcmp(x->value, y->value) == 0;
}
