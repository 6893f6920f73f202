/* Identifiers of devices (draft-ietf-acme-device-attest-09 3, 4): what is burnt in, and
 * who gave it. */
#pragma once

#include "core/acme/identifier.h"
#include "core/x509/device_name.h"

#define IDENTIFIER_DEVICE_MAX 255 /* octets of a value */

/* Check a value given by a client: octets of UTF-8 without "/", then "/" and a dotted
 * object identifier, which a permanent-identifier (RFC 4043 assigner) may leave out and a
 * hardware-module (RFC 4108 hwType) may not. Nothing is made canonical: values are
 * compared octet for octet. ERR_MALFORMED; ERR_REJECTED_IDENTIFIER if it is longer than
 * IDENTIFIER_DEVICE_MAX, has control characters or an arc of 2^63 and more. */
MUST_CHECK enum err identifier_read_device(struct arena *a, enum identifier_type type,
                                           struct span text,
                                           struct identifier *identifier,
                                           struct err_info *why);

/* How people write a device: "TYPE:VALUE", or the value of a permanent-identifier alone.
 * Its type, and where the value begins. */
const char *identifier_device_value(const char *text, enum identifier_type *type);

/* The identifier that people wrote so. Errors are those of identifier_read_device. */
MUST_CHECK enum err identifier_device_read(struct arena *a, const char *text,
                                           struct identifier *identifier,
                                           struct err_info *why);

/* The two parts of such a value: what stands before the "/", and the content octets of
 * the object identifier behind it, in the arena; empty if there is none. */
void identifier_device_parts(struct arena *a, const struct identifier *identifier,
                             struct span *id, struct span *oid);

/* The identifier that a name in a certificate or request stands for. Errors as of
 * identifier_device_join. */
MUST_CHECK enum err identifier_device_of(struct arena *a, const struct device_name *name,
                                         struct identifier *identifier,
                                         struct err_info *why);

/* The identifier of a text that identifier_text makes of one; false if it is none of a
 * device. */
bool identifier_device_of_text(struct arena *a, const char *text,
                               struct identifier *identifier);

/* The name of such an identifier; its parts are in the arena. */
struct device_name identifier_device_name(struct arena *a,
                                          const struct identifier *identifier);

/* The value put together again from octets of a certificate or request: `oid` are content
 * octets, or empty. The same rules as for identifier_read_device. ERR_MALFORMED,
 * ERR_REJECTED_IDENTIFIER. */
MUST_CHECK enum err identifier_device_join(struct arena *a, enum identifier_type type,
                                           struct span id, struct span oid,
                                           struct identifier *identifier,
                                           struct err_info *why);
