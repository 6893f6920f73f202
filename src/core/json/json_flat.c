/* A flat object of plain strings (RFC 8259 4, 7). */
#include "core/json/json_flat.h"

#include "core/json/json_plain.h"

struct reader {
    struct span text;
    size_t at;
};

static void skip_space(struct reader *r)
{
    while (r->at < r->text.len &&
           (r->text.data[r->at] == ' ' || r->text.data[r->at] == '\t' ||
            r->text.data[r->at] == '\n' || r->text.data[r->at] == '\r'))
        r->at++;
}

/* The next octet behind space is `sign`: it was read. */
static bool take(struct reader *r, char sign)
{
    skip_space(r);
    if (r->at == r->text.len || r->text.data[r->at] != (uint8_t)sign)
        return false;
    r->at++;
    return true;
}

static bool take_string(struct reader *r, struct span *string)
{
    if (!take(r, '"'))
        return false;
    struct span rest = span_slice(r->text, r->at, r->text.len - r->at);
    *string = span_slice(rest, 0, json_plain_length(rest));
    r->at += string->len;
    if (r->at == r->text.len || r->text.data[r->at] != '"')
        return false;
    r->at++;
    return true;
}

static bool take_member(struct reader *r, struct json_flat *flat)
{
    struct span name;

    if (flat->count == JSON_FLAT_MAX || !take_string(r, &name) || !take(r, ':') ||
        !take_string(r, &flat->values[flat->count]))
        return false;
    for (size_t i = 0; i < flat->count; i++)
        if (span_equal(flat->names[i], name))
            return false;
    flat->names[flat->count++] = name;
    return true;
}

static bool take_members(struct reader *r, struct json_flat *flat)
{
    if (take(r, '}'))
        return true;
    do {
        if (!take_member(r, flat))
            return false;
    } while (take(r, ','));
    return take(r, '}');
}

bool json_flat_read(struct span text, struct json_flat *flat)
{
    struct reader r = {.text = text};

    flat->count = 0;
    if (!take(&r, '{') || !take_members(&r, flat))
        return false;
    skip_space(&r);
    return r.at == text.len;
}
