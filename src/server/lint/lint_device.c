/* Names of devices, as the rules see them. */
#include "server/lint/lint_device.h"

#include "core/acme/identifier_device.h"
#include "core/crypto/der_read.h"

#define FRAME 16 /* octets around an otherName that is written */

bool lint_device_is_named(const struct lint_subject *s)
{
    for (size_t i = 0; i < s->name_count; i++)
        if (s->names[i].tag == DER_SAN_OTHER)
            return true;
    return false;
}

/* There are other encodings that are read: a serial number with the tag [4]. */
static bool is_written_so(const struct lint_subject *s, const struct device_name *device,
                          struct span content)
{
    size_t room = content.len + FRAME;
    struct der_writer w = der_writer_make(arena_get(s->arena, room), room);

    device_name_write(&w, device);
    struct der_reader r = der_read_start(der_write_take(&w), 1);
    struct span again = der_read_expect(&r, DER_SAN_OTHER);
    return der_read_ok(&r) && span_equal(again, content);
}

const char *lint_device_value(const struct lint_subject *s, const struct lint_name *name)
{
    struct device_name device;
    struct identifier identifier;
    enum device_name_kind kind = name->tag == DER_SAN_OTHER
                                     ? device_name_read(name->value, &device)
                                     : DEVICE_NAME_NONE;

    if (kind <= DEVICE_NAME_MALFORMED || !is_written_so(s, &device, name->value))
        return NULL;
    return identifier_device_of(s->arena, &device, &identifier, NULL) == ERR_OK
               ? identifier.value
               : NULL;
}

bool lint_device_judge(const struct lint_subject *s, enum oid type)
{
    for (size_t i = 0; i < s->name_count; i++) {
        struct der_reader r = der_read_start(s->names[i].value, 1);
        if (s->names[i].tag == DER_SAN_OTHER && oid_is(der_read_oid(&r), type) &&
            lint_device_value(s, &s->names[i]) == NULL)
            return false;
    }
    return true;
}
