/* Names as text. */
#include "core/dns/dns_name.h"

#include <string.h>

#include "core/base/text.h"

#define LABEL_MAX 63

static bool is_plain(uint8_t c)
{
    return c > ' ' && c <= '~' && strchr("\"();@\\$,:", c) == NULL;
}

bool dns_name_read(struct span text, char *to)
{
    char name[DNS_NAME_MAX + 1];
    size_t label = 0;

    if (text.len > 0 && text.data[text.len - 1] == '.')
        text.len--;
    if (text.len == 0 || text.len > DNS_NAME_MAX)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (!is_plain(text.data[i]))
            return false;
        label = text.data[i] == '.' ? 0 : label + 1;
        if (label > LABEL_MAX || (text.data[i] == '.' && (i == 0 || name[i - 1] == '.')))
            return false;
        name[i] = (char)text.data[i];
    }
    if (label == 0)
        return false;
    memcpy(to, name, text.len);
    to[text.len] = '\0';
    text_lower(to);
    return true;
}

bool dns_name_is_in(const char *name, const char *zone)
{
    size_t len = strlen(name);
    size_t zone_len = strlen(zone);

    if (zone_len == 0)
        return true;
    if (len < zone_len || (len > zone_len && name[len - zone_len - 1] != '.'))
        return false;
    return text_equal_ignoring_case(span_of(name + len - zone_len), span_of(zone));
}

const char *dns_name_parent(const char *name)
{
    const char *dot = strchr(name, '.');

    return dot != NULL ? dot + 1 : "";
}
