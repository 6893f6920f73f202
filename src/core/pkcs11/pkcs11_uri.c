/* Names of keys in tokens. */
#include "core/pkcs11/pkcs11_uri.h"

#include <stddef.h>

#include "core/base/buf.h"
#include "core/base/text.h"

#define SCHEME      "pkcs11:"
#define FILE_SCHEME "file:"

/* Where the value of an attribute goes. */
enum place { PATH, QUERY };
enum kind { TEXT, OCTETS, NUMBER, TYPE, ABSOLUTE, PIN_FILE };

static const struct attribute {
    const char *name;
    enum place place;
    enum kind kind;
    size_t member;
    size_t most; /* octets, as PKCS #11 has room for */
} attributes[] = {
    {"token", PATH, TEXT, offsetof(struct pkcs11_uri, token), 32},
    {"manufacturer", PATH, TEXT, offsetof(struct pkcs11_uri, manufacturer), 32},
    {"serial", PATH, TEXT, offsetof(struct pkcs11_uri, serial), 16},
    {"model", PATH, TEXT, offsetof(struct pkcs11_uri, model), 16},
    {"slot-id", PATH, NUMBER, offsetof(struct pkcs11_uri, slot), 20},
    {"object", PATH, TEXT, offsetof(struct pkcs11_uri, object), 255},
    {"id", PATH, OCTETS, offsetof(struct pkcs11_uri, id), 255},
    {"type", PATH, TYPE, 0, 16},
    {"module-path", QUERY, ABSOLUTE, offsetof(struct pkcs11_uri, module_path), 1024},
    {"pin-source", QUERY, PIN_FILE, offsetof(struct pkcs11_uri, pin_file), 1024},
};
#define ATTRIBUTES (sizeof attributes / sizeof attributes[0])

struct reading {
    struct arena *a;
    struct pkcs11_uri *uri;
    bool seen[ATTRIBUTES];
};

bool pkcs11_uri_is(const char *text)
{
    size_t len = strlen(SCHEME);

    return strlen(text) >= len &&
           text_equal_ignoring_case(span_make(text, len), span_of(SCHEME));
}

/* RFC 7512 2.3: pk11-pchar and what the query has besides. */
static bool stands_for_itself(uint8_t c, enum place place)
{
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'))
        return true;
    if (c == '\0')
        return false;
    return strchr("-._~:[]@!$'()*+,=", c) != NULL ||
           strchr(place == PATH ? "&" : "/?|", c) != NULL;
}

static enum err unescape(struct arena *a, const struct attribute *what, struct span raw,
                         struct span *value, struct err_info *why)
{
    uint8_t *to = arena_get(a, raw.len + 1);
    size_t len = 0;

    for (size_t i = 0; i < raw.len; i++) {
        size_t got = 0;
        if (raw.data[i] != '%') {
            if (!stands_for_itself(raw.data[i], what->place))
                return err_set(why, ERR_CONFIG,
                               "%s has a character that must be written %%XX",
                               what->name);
            to[len++] = raw.data[i];
            continue;
        }
        if (i + 2 >= raw.len || !text_unhex(span_slice(raw, i + 1, 2), to + len, 1, &got))
            return err_set(why, ERR_CONFIG,
                           "%s has a %% that two hexadecimal digits do not follow",
                           what->name);
        len++;
        i += 2;
    }
    if (len == 0 || len > what->most)
        return err_set(why, ERR_CONFIG, "%s must have 1 to %zu octets", what->name,
                       what->most);
    *value = span_make(to, len);
    return ERR_OK;
}

static bool is_text(struct span s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.data[i] < ' ' || s.data[i] == 0x7f)
            return false;
    return text_is_utf8(s);
}

/* file:/PATH or file:///PATH (RFC 8089 2). */
static struct span file_of(struct span value)
{
    size_t scheme = strlen(FILE_SCHEME);

    if (!text_equal_ignoring_case(span_slice(value, 0, scheme), span_of(FILE_SCHEME)))
        return span_make(NULL, 0);
    struct span path = span_slice(value, scheme, value.len);
    if (span_is(span_slice(path, 0, 3), "///"))
        path = span_slice(path, 2, path.len);
    bool other_host = span_is(span_slice(path, 0, 2), "//");
    return other_host ? span_make(NULL, 0) : path;
}

static enum err set_text(struct reading *r, const struct attribute *what,
                         struct span value, struct err_info *why)
{
    const char **member = (const char **)((char *)r->uri + what->member);

    if (!is_text(value))
        return err_set(why, ERR_CONFIG, "%s is no text", what->name);
    if (what->kind == PIN_FILE)
        value = file_of(value);
    if (what->kind != TEXT && (value.len < 2 || value.data[0] != '/'))
        return err_set(why, ERR_CONFIG,
                       what->kind == PIN_FILE ? "%s must be file:/PATH"
                                              : "%s must be an absolute path",
                       what->name);
    *member = arena_string_of(r->a, value);
    return ERR_OK;
}

static enum err set(struct reading *r, const struct attribute *what, struct span value,
                    struct err_info *why)
{
    switch (what->kind) {
    case OCTETS:
        r->uri->id = value;
        return ERR_OK;
    case NUMBER:
        r->uri->has_slot = text_number(value, UINT32_MAX, &r->uri->slot);
        if (!r->uri->has_slot)
            return err_set(why, ERR_CONFIG, "%s must be a number", what->name);
        return ERR_OK;
    case TYPE:
        if (!span_is(value, "private"))
            return err_set(why, ERR_CONFIG, "%s must be private, if it is given",
                           what->name);
        return ERR_OK;
    default:
        return set_text(r, what, value, why);
    }
}

static enum err unknown(struct arena *a, struct span name, struct err_info *why)
{
    if (span_is(name, "pin-value"))
        return err_set(why, ERR_CONFIG,
                       "pin-value: a PIN does not belong here; put it in a file of mode "
                       "0600 and name that by pin-source=file:/PATH");
    /* names are short; what is not may be something that ended up here by mistake */
    if (name.len == 0 || name.len > 24 || !is_text(name))
        return err_set(why, ERR_CONFIG, "there is an attribute of no known name");
    return err_set(why, ERR_CONFIG, "the attribute \"%s\" is not supported here",
                   arena_string_of(a, name));
}

static enum err read_attribute(struct reading *r, enum place place, struct span part,
                               struct err_info *why)
{
    const uint8_t *equals = part.len > 0 ? memchr(part.data, '=', part.len) : NULL;
    size_t len = equals != NULL ? (size_t)(equals - part.data) : part.len;
    struct span name = span_slice(part, 0, len);
    struct span value = {0};

    if (equals == NULL)
        return err_set(why, ERR_CONFIG,
                       "its attributes must be NAME=VALUE, separated by \"%s\"",
                       place == PATH ? ";" : "&");
    for (size_t i = 0; i < ATTRIBUTES; i++) {
        const struct attribute *what = &attributes[i];
        if (what->place != place || !span_is(name, what->name))
            continue;
        if (r->seen[i])
            return err_set(why, ERR_CONFIG, "%s is there twice", what->name);
        r->seen[i] = true;
        TRY(unescape(r->a, what, span_slice(part, len + 1, part.len), &value, why));
        return set(r, what, value, why);
    }
    return unknown(r->a, name, why);
}

static enum err read_all(struct reading *r, enum place place, struct span text,
                         struct err_info *why)
{
    while (true) {
        const uint8_t *end =
            text.len > 0 ? memchr(text.data, place == PATH ? ';' : '&', text.len) : NULL;
        size_t len = end != NULL ? (size_t)(end - text.data) : text.len;
        TRY(read_attribute(r, place, span_slice(text, 0, len), why));
        if (end == NULL)
            return ERR_OK;
        text = span_slice(text, len + 1, text.len);
    }
}

static enum err read(struct arena *a, struct span text, struct pkcs11_uri *uri,
                     struct err_info *why)
{
    struct reading r = {.a = a, .uri = uri};
    size_t scheme = strlen(SCHEME);

    if (text.len > PKCS11_URI_MAX)
        return err_set(why, ERR_CONFIG, "it is longer than %d octets", PKCS11_URI_MAX);
    if (!text_equal_ignoring_case(span_slice(text, 0, scheme), span_of(SCHEME)))
        return err_set(why, ERR_CONFIG, "it does not begin with " SCHEME);
    text = span_slice(text, scheme, text.len);
    const uint8_t *mark = text.len > 0 ? memchr(text.data, '?', text.len) : NULL;
    size_t len = mark != NULL ? (size_t)(mark - text.data) : text.len;
    TRY(read_all(&r, PATH, span_slice(text, 0, len), why));
    if (mark != NULL)
        TRY(read_all(&r, QUERY, span_slice(text, len + 1, text.len), why));
    if (uri->token == NULL && uri->serial == NULL && !uri->has_slot)
        return err_set(
            why, ERR_CONFIG,
            "it names no token (token=LABEL, serial=NUMBER or slot-id=NUMBER)");
    if (uri->object == NULL && uri->id.len == 0)
        return err_set(why, ERR_CONFIG, "it names no key (object=LABEL or id=%%XX...)");
    return ERR_OK;
}

enum err pkcs11_uri_read(struct arena *a, struct span text, struct pkcs11_uri *uri,
                         struct err_info *why)
{
    struct pkcs11_uri made = {0};

    if (read(a, text, &made, why) != ERR_OK)
        return err_prefix(why, "the PKCS #11 URI");
    *uri = made;
    return ERR_OK;
}

/* ---- writing ---- */

static void escape(struct buf *b, enum place place, struct span value, bool all)
{
    for (size_t i = 0; i < value.len; i++)
        if (!all && stands_for_itself(value.data[i], place))
            buf_add_octet(b, value.data[i]);
        else
            buf_printf(b, "%%%02X", value.data[i]);
}

static void add(struct buf *b, const char **separator, const char *name, enum place place,
                struct span value, bool all)
{
    if (value.len == 0)
        return;
    buf_printf(b, "%s%s=", *separator, name);
    escape(b, place, value, all);
    *separator = place == PATH ? ";" : "&";
}

char *pkcs11_uri_text(struct arena *a, const struct pkcs11_uri *uri)
{
    AUTO(buf) struct buf b = buf_make((size_t)PKCS11_URI_MAX * 4);
    const char *separator = SCHEME;

    add(&b, &separator, "token", PATH, span_of(uri->token), false);
    add(&b, &separator, "manufacturer", PATH, span_of(uri->manufacturer), false);
    add(&b, &separator, "serial", PATH, span_of(uri->serial), false);
    add(&b, &separator, "model", PATH, span_of(uri->model), false);
    if (uri->has_slot)
        add(&b, &separator, "slot-id", PATH,
            span_of(arena_printf(a, "%llu", (unsigned long long)uri->slot)), false);
    add(&b, &separator, "object", PATH, span_of(uri->object), false);
    add(&b, &separator, "id", PATH, uri->id, true);
    separator = "?";
    add(&b, &separator, "module-path", QUERY, span_of(uri->module_path), false);
    if (uri->pin_file != NULL)
        add(&b, &separator, "pin-source", QUERY,
            span_of(arena_printf(a, FILE_SCHEME "%s", uri->pin_file)), false);
    return arena_string_of(a, buf_span(&b));
}
