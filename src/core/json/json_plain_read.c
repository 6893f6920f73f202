/* Plain JSON (RFC 8259), into jansson's values. */
#include "core/json/json_plain_read.h"

#include "core/json/json_plain.h"

#define DIGITS_MAX 18 /* of a number that surely fits */

struct reader {
    struct span text;
    size_t at;
    unsigned int depth; /* objects and arrays around */
};

static json_t *take_value(struct reader *r);

static bool is_space(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* The next octet behind space; 0 at the end, which is never wanted. */
static uint8_t peek(struct reader *r)
{
    while (r->at < r->text.len && is_space(r->text.data[r->at]))
        r->at++;
    return r->at < r->text.len ? r->text.data[r->at] : 0;
}

/* It is `sign`: it was read. */
static bool take(struct reader *r, uint8_t sign)
{
    if (peek(r) != sign)
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

static json_t *take_text(struct reader *r)
{
    struct span text;

    return take_string(r, &text) ? json_stringn_nocheck((const char *)text.data, text.len)
                                 : NULL;
}

/* No fraction, no exponent, no zero in front, and not -0. What may follow is looked at by
 * whoever takes the next sign. */
static json_t *take_whole(struct reader *r)
{
    bool negative = take(r, '-');
    size_t start = r->at;
    int64_t value = 0;

    while (r->at < r->text.len && r->text.data[r->at] >= '0' &&
           r->text.data[r->at] <= '9' && r->at - start < DIGITS_MAX)
        value = value * 10 + (r->text.data[r->at++] - '0');
    size_t digits = r->at - start;
    if (digits == 0 || (r->text.data[start] == '0' && (digits > 1 || negative)))
        return NULL;
    return json_integer(negative ? -value : value);
}

static json_t *take_word(struct reader *r, const char *word, json_t *value)
{
    struct span next = span_slice(r->text, r->at, strlen(word));

    if (!span_is(next, word))
        return NULL;
    r->at += next.len;
    return value;
}

static json_t *take_array(struct reader *r)
{
    json_t *array = json_array();

    if (!take(r, '[') || take(r, ']'))
        return array;
    do {
        json_t *value = take_value(r);
        if (value == NULL || json_array_append_new(array, value) != 0)
            return NULL;
    } while (take(r, ','));
    return take(r, ']') ? array : NULL;
}

/* A name that is there already is no new member. */
static bool take_member(struct reader *r, json_t *object)
{
    size_t count = json_object_size(object);
    struct span name;

    if (!take_string(r, &name) || !take(r, ':'))
        return false;
    json_t *value = take_value(r);
    return value != NULL &&
           json_object_setn_new_nocheck(object, (const char *)name.data, name.len,
                                        value) == 0 &&
           json_object_size(object) == count + 1;
}

static json_t *take_object(struct reader *r)
{
    json_t *object = json_object();

    if (!take(r, '{') || take(r, '}'))
        return object;
    do {
        if (!take_member(r, object))
            return NULL;
    } while (take(r, ','));
    return take(r, '}') ? object : NULL;
}

static json_t *take_structure(struct reader *r)
{
    if (r->depth == JSON_READ_MAX_DEPTH)
        return NULL;
    r->depth++;
    json_t *made = peek(r) == '{' ? take_object(r) : take_array(r);
    r->depth--;
    return made;
}

static json_t *take_value(struct reader *r)
{
    switch (peek(r)) {
    case '{':
    case '[':
        return take_structure(r);
    case '"':
        return take_text(r);
    case 't':
        return take_word(r, "true", json_true());
    case 'f':
        return take_word(r, "false", json_false());
    case 'n':
        return take_word(r, "null", json_null());
    default:
        return take_whole(r);
    }
}

json_t *json_plain_read(struct span text)
{
    struct reader r = {.text = text};
    uint8_t first = peek(&r);
    json_t *made = first == '{' || first == '[' ? take_structure(&r) : NULL;

    return peek(&r) == 0 && r.at == text.len ? made : NULL;
}
