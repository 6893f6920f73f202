/* Identifiers of devices. */
#include "core/acme/identifier_device.h"

#include <string.h>

#include "core/base/text.h"
#include "core/x509/oid.h"

static bool has_control(struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i];
        if (c < 0x20 || c == 0x7f)
            return true;
        /* U+0080 to U+009F in UTF-8 */
        if (c == 0xc2 && i + 1 < text.len && text.data[i + 1] < 0xa0)
            return true;
    }
    return false;
}

/* Digits and dots as an object identifier has them, whatever the size of the numbers? */
static bool looks_like_oid(struct span text)
{
    size_t arcs = 0;

    for (size_t at = 0; at <= text.len; arcs++) {
        size_t end = at;
        while (end < text.len && text.data[end] >= '0' && text.data[end] <= '9')
            end++;
        if (end == at || (text.data[at] == '0' && end - at > 1) ||
            (end < text.len && text.data[end] != '.'))
            return false;
        if (arcs == 0 && (end - at > 1 || text.data[at] > '2'))
            return false;
        if (arcs == 1 && text.data[0] < '2' &&
            (end - at > 2 || (end - at == 2 && text.data[at] > '3')))
            return false;
        at = end + 1;
    }
    return arcs >= 2;
}

static enum err check_oid(struct arena *a, const char *type, struct span oid,
                          struct err_info *why)
{
    struct span octets;

    if (!looks_like_oid(oid))
        return err_set(why, ERR_MALFORMED,
                       "what stands behind the \"/\" of a %s is an object identifier, as "
                       "in 1.3.6.1.4.1.99999.1",
                       type);
    if (!oid_from_text(a, oid, &octets))
        return err_set(why, ERR_REJECTED_IDENTIFIER,
                       "the object identifier of this %s is longer than %d octets, or "
                       "has a number of 2^63 or more",
                       type, OID_TEXT_MAX);
    return ERR_OK;
}

enum err identifier_read_device(struct arena *a, enum identifier_type type,
                                struct span text, struct identifier *identifier,
                                struct err_info *why)
{
    const char *name = terms_identifier_type(type);
    const uint8_t *slash = text.len == 0 ? NULL : memchr(text.data, '/', text.len);
    size_t id_len = slash == NULL ? text.len : (size_t)(slash - text.data);

    if (!text_is_utf8(text))
        return err_set(why, ERR_MALFORMED, "the value of the %s is not UTF-8", name);
    if (id_len == 0)
        return err_set(why, ERR_MALFORMED, "the value of the %s says no device", name);
    if (slash == NULL && type == IDENTIFIER_HARDWARE_MODULE)
        return err_set(why, ERR_MALFORMED,
                       "a %s is a serial number, \"/\", and the object identifier of the "
                       "type of hardware",
                       name);
    if (slash != NULL)
        TRY(check_oid(a, name, span_slice(text, id_len + 1, text.len - id_len - 1), why));
    if (text.len > IDENTIFIER_DEVICE_MAX)
        return err_set(why, ERR_REJECTED_IDENTIFIER,
                       "the value of the %s is longer than %d octets", name,
                       IDENTIFIER_DEVICE_MAX);
    if (has_control(text))
        return err_set(why, ERR_REJECTED_IDENTIFIER,
                       "the value of the %s has control characters", name);
    identifier->type = type;
    identifier->value = arena_string_of(a, text);
    return ERR_OK;
}

void identifier_device_parts(struct arena *a, const struct identifier *identifier,
                             struct span *id, struct span *oid)
{
    const char *slash = strchr(identifier->value, '/');

    *oid = (struct span){0};
    if (slash == NULL) {
        *id = span_of(identifier->value);
        return;
    }
    *id = (struct span){(const uint8_t *)identifier->value,
                        (size_t)(slash - identifier->value)};
    if (!oid_from_text(a, span_of(slash + 1), oid))
        *oid = (struct span){0}; /* it was read by identifier_read_device, so it is one */
}

enum err identifier_device_join(struct arena *a, enum identifier_type type,
                                struct span id, struct span oid,
                                struct identifier *identifier, struct err_info *why)
{
    if (id.len > IDENTIFIER_DEVICE_MAX)
        return err_set(why, ERR_REJECTED_IDENTIFIER,
                       "the value of the %s is longer than %d octets",
                       terms_identifier_type(type), IDENTIFIER_DEVICE_MAX);
    /* a "/" in it would read as something else, a NUL as its end */
    if (id.len > 0 &&
        (memchr(id.data, '/', id.len) != NULL || memchr(id.data, '\0', id.len) != NULL))
        return err_set(why, ERR_MALFORMED, "the value of the %s has a \"/\" or a NUL",
                       terms_identifier_type(type));
    if (oid.len == 0)
        return identifier_read_device(a, type, id, identifier, why);
    const char *text = oid_to_text(a, oid);
    if (text == NULL)
        return err_set(why, ERR_REJECTED_IDENTIFIER,
                       "the object identifier of the %s cannot be written",
                       terms_identifier_type(type));
    return identifier_read_device(
        a, type,
        span_of(arena_printf(a, "%.*s/%s", (int)id.len, (const char *)id.data, text)),
        identifier, why);
}

const char *identifier_device_value(const char *text, enum identifier_type *type)
{
    for (int i = 0; i < IDENTIFIER_TYPE_COUNT; i++) {
        const char *name = terms_identifier_type((enum identifier_type)i);
        size_t len = strlen(name);
        if (!terms_is_device((enum identifier_type)i) || strncmp(text, name, len) != 0 ||
            text[len] != ':')
            continue;
        *type = (enum identifier_type)i;
        return text + len + 1;
    }
    *type = IDENTIFIER_PERMANENT_IDENTIFIER;
    return text;
}

enum err identifier_device_read(struct arena *a, const char *text,
                                struct identifier *identifier, struct err_info *why)
{
    enum identifier_type type;
    const char *value = identifier_device_value(text, &type);

    return identifier_read_device(a, type, span_of(value), identifier, why);
}

enum err identifier_device_of(struct arena *a, const struct device_name *name,
                              struct identifier *identifier, struct err_info *why)
{
    enum identifier_type type = name->kind == DEVICE_NAME_MODULE
                                    ? IDENTIFIER_HARDWARE_MODULE
                                    : IDENTIFIER_PERMANENT_IDENTIFIER;

    return identifier_device_join(a, type, name->id, name->oid, identifier, why);
}

struct device_name identifier_device_name(struct arena *a,
                                          const struct identifier *identifier)
{
    struct device_name name = {.kind = identifier->type == IDENTIFIER_HARDWARE_MODULE
                                           ? DEVICE_NAME_MODULE
                                           : DEVICE_NAME_PERMANENT};

    identifier_device_parts(a, identifier, &name.id, &name.oid);
    return name;
}

bool identifier_device_of_text(struct arena *a, const char *text,
                               struct identifier *identifier)
{
    enum identifier_type type;
    const char *value = identifier_device_value(text, &type);

    return value != text &&
           identifier_read_device(a, type, span_of(value), identifier, NULL) == ERR_OK;
}
