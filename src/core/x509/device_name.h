/* Names of devices in a subjectAltName (draft-ietf-acme-device-attest-09 3.2, 4.2): the
 * otherName PermanentIdentifier (RFC 4043) and HardwareModuleName (RFC 4108 5). What they
 * are in ACME is said by core/acme/identifier_device.h. */
#pragma once

#include "core/base/span.h"
#include "core/x509/der_write.h"

#define DER_SAN_OTHER 0xa0 /* [0] IMPLICIT OtherName, RFC 5280 4.2.1.6 */

enum device_name_kind {
    DEVICE_NAME_NONE,      /* another kind of otherName */
    DEVICE_NAME_MALFORMED, /* one of the two, and broken */
    DEVICE_NAME_PERMANENT,
    DEVICE_NAME_MODULE,
};

struct device_name {
    enum device_name_kind kind; /* one of the last two */
    struct span id;             /* identifierValue, or hwSerialNum */
    struct span oid;            /* content octets of assigner (empty: none), or hwType */
};

/* Write the GeneralName. */
void device_name_write(struct der_writer *w, const struct device_name *name);

/* Read the content of a GeneralName of the tag DER_SAN_OTHER; `name` is filled in for the
 * last two kinds and points into it. A PermanentIdentifier without identifierValue is
 * malformed here. A hwSerialNum with the tag [4], as some write it, is taken. */
enum device_name_kind device_name_read(struct span content, struct device_name *name);
