/* otherName of devices. */
#include "core/x509/device_name.h"

#include "core/x509/oid.h"

#define DEPTH 3

void device_name_write(struct der_writer *w, const struct device_name *name)
{
    size_t mark = der_write_mark(w);

    if (name->kind == DEVICE_NAME_MODULE) {
        der_write_element(w, DER_OCTET_STRING, name->id);
        der_write_element(w, DER_OID, name->oid);
    } else {
        if (name->oid.len > 0)
            der_write_element(w, DER_OID, name->oid);
        der_write_element(w, DER_UTF8_STRING, name->id);
    }
    der_write_wrap(w, DER_SEQUENCE, mark);
    der_write_wrap(w, DER_CONTEXT_CONSTRUCTED(0), mark); /* value, EXPLICIT */
    oid_write(w, name->kind == DEVICE_NAME_MODULE ? OID_HARDWARE_MODULE_NAME
                                                  : OID_PERMANENT_IDENTIFIER);
    der_write_wrap(w, DER_SAN_OTHER, mark);
}

/* RFC 4043: both members may be missing; without the first it names nothing. */
static void read_permanent(struct der_reader *r, struct device_name *name)
{
    name->id = der_read_expect(r, DER_UTF8_STRING);
    if (der_read_more(r))
        name->oid = der_read_oid(r);
}

static void read_module(struct der_reader *r, struct device_name *name)
{
    name->oid = der_read_oid(r);
    if (!der_read_optional(r, DER_CONTEXT(4), &name->id))
        name->id = der_read_expect(r, DER_OCTET_STRING);
}

enum device_name_kind device_name_read(struct span content, struct device_name *name)
{
    struct der_reader r = der_read_start(content, DEPTH);
    struct device_name read = {.kind = DEVICE_NAME_NONE};
    struct span type = der_read_oid(&r);

    if (oid_is(type, OID_PERMANENT_IDENTIFIER))
        read.kind = DEVICE_NAME_PERMANENT;
    else if (oid_is(type, OID_HARDWARE_MODULE_NAME))
        read.kind = DEVICE_NAME_MODULE;
    else
        return DEVICE_NAME_NONE;
    der_read_enter(&r, DER_CONTEXT_CONSTRUCTED(0));
    der_read_enter(&r, DER_SEQUENCE);
    if (read.kind == DEVICE_NAME_MODULE)
        read_module(&r, &read);
    else
        read_permanent(&r, &read);
    der_read_leave(&r);
    der_read_leave(&r);
    if (der_read_finish(&r, ERR_MALFORMED, "the name of a device", NULL) != ERR_OK)
        return DEVICE_NAME_MALFORMED;
    *name = read;
    return read.kind;
}
