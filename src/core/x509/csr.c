/* Certificate requests, PKCS #10 (RFC 2986). */
#include "core/x509/csr.h"

#include <string.h>

#include "core/base/text.h"
#include "core/x509/oid.h"

#define CSR_DEPTH   12
#define DER_SAN_DNS 0x82 /* [2] IMPLICIT IA5String, RFC 5280 4.2.1.6 */
#define DER_SAN_IP  0x87 /* [7] IMPLICIT OCTET STRING */

struct csr_reader {
    struct arena *arena;
    struct der_reader r;
    struct csr_checked *csr;
    const char **names;
    struct span *addresses;
    struct device_name *devices;
    bool refused; /* well formed so far, and not acceptable */
};

/* What is wrong is not the encoding. */
static void refuse(struct csr_reader *c, const char *phrase)
{
    c->refused = c->refused || der_read_ok(&c->r);
    der_read_fail(&c->r, phrase);
}

/* A text without NULs, lower-cased. */
static const char *name_text(struct csr_reader *c, struct span s)
{
    if (s.len == 0 || memchr(s.data, 0, s.len) != NULL) {
        refuse(c, "a name is empty or has a NUL in it");
        return "";
    }
    char *text = arena_string_of(c->arena, s);
    text_lower(text);
    return text;
}

static void add_address(struct csr_reader *c, struct span octets)
{
    if (octets.len != 4 && octets.len != 16) {
        refuse(c, "an iPAddress has neither 4 nor 16 octets");
        return;
    }
    if (c->csr->address_count == CSR_NAMES_MAX) {
        refuse(c, "it has too many addresses");
        return;
    }
    if (c->addresses == NULL) /* few requests have any */
        c->addresses = arena_array(c->arena, CSR_NAMES_MAX, sizeof *c->addresses);
    c->addresses[c->csr->address_count++] = octets;
    c->csr->addresses = c->addresses;
}

/* An otherName. X-CSR-4, X-CSR-5 */
static void add_device(struct csr_reader *c, struct span content)
{
    struct device_name name = {0};

    switch (device_name_read(content, &name)) {
    case DEVICE_NAME_NONE:
        c->csr->has_other_names = true;
        return;
    case DEVICE_NAME_MALFORMED:
        refuse(c, "the name of a device (PermanentIdentifier, HardwareModuleName) is "
                  "malformed");
        return;
    default:
        break;
    }
    if (c->csr->device_count == CSR_NAMES_MAX) {
        refuse(c, "it has too many names of devices");
        return;
    }
    if (c->devices == NULL)
        c->devices = arena_array(c->arena, CSR_NAMES_MAX, sizeof *c->devices);
    c->devices[c->csr->device_count++] = name;
    c->csr->devices = c->devices;
}

/* Name ::= SEQUENCE OF SET OF SEQUENCE { type, value } */
static void read_subject(struct csr_reader *c)
{
    der_read_enter(&c->r, DER_SEQUENCE);
    while (der_read_more(&c->r)) {
        der_read_enter(&c->r, DER_SET);
        while (der_read_more(&c->r)) {
            der_read_enter(&c->r, DER_SEQUENCE);
            struct span type = der_read_oid(&c->r);
            struct span value = der_read_tlv(&c->r, NULL);
            der_read_leave(&c->r);
            if (oid_is(type, OID_COMMON_NAME)) {
                if (c->csr->common_name != NULL)
                    refuse(c, "the subject has two common names");
                c->csr->common_name = name_text(c, value);
                c->csr->common_name_sent = arena_string_of(c->arena, value);
            }
        }
        der_read_leave(&c->r);
    }
    der_read_leave(&c->r);
}

static void read_alternative_names(struct csr_reader *c, struct span value)
{
    struct der_reader outer = c->r;

    c->r = der_read_start(value, 4);
    der_read_enter(&c->r, DER_SEQUENCE);
    while (der_read_more(&c->r)) {
        uint8_t tag = 0;
        struct span name = der_read_tlv(&c->r, &tag);
        if (tag == DER_SAN_IP) {
            add_address(c, name);
        } else if (tag == DER_SAN_OTHER) {
            add_device(c, name);
        } else if (tag != DER_SAN_DNS) {
            c->csr->has_other_names = true;
        } else if (c->csr->dns_name_count == CSR_NAMES_MAX) {
            refuse(c, "it has too many names");
        } else {
            c->names[c->csr->dns_name_count++] = name_text(c, name);
        }
    }
    der_read_leave(&c->r);
    if (der_read_more(&c->r))
        der_read_fail(&c->r, "something stands behind the subjectAltName");
    if (!der_read_ok(&c->r))
        der_read_fail(&outer, c->r.error);
    c->r = outer;
}

/* Features ::= SEQUENCE OF INTEGER (RFC 7633 4.1); there is no use for others. */
static void read_features(struct csr_reader *c, struct span value)
{
    static const uint8_t status_request[] = {DER_SEQUENCE, 3, DER_INTEGER, 1, 5};

    c->csr->must_staple = true;
    if (!span_equal(value, span_make(status_request, sizeof status_request)))
        refuse(c, "its TLS feature extension asks for something else than status_request "
                  "(must-staple, RFC 7633)");
}

/* Extensions ::= SEQUENCE OF SEQUENCE { id, critical DEFAULT FALSE, value OCTET STRING }
 */
static void read_extensions(struct csr_reader *c)
{
    bool seen_names = false;

    der_read_enter(&c->r, DER_SEQUENCE);
    while (der_read_more(&c->r)) {
        struct span critical;
        der_read_enter(&c->r, DER_SEQUENCE);
        struct span id = der_read_oid(&c->r);
        if (der_read_optional(&c->r, DER_BOOLEAN, &critical) &&
            (critical.len != 1 || critical.data[0] != 0xff))
            der_read_fail(&c->r, "a default value is written out");
        struct span value = der_read_expect(&c->r, DER_OCTET_STRING);
        der_read_leave(&c->r);
        if (!der_read_ok(&c->r))
            return;
        if (oid_is(id, OID_SUBJECT_ALTERNATIVE_NAME)) {
            if (seen_names)
                refuse(c, "it has two subjectAltName extensions");
            seen_names = true;
            read_alternative_names(c, value);
        } else if (oid_is(id, OID_TLS_FEATURE)) {
            read_features(c, value);
        }
    }
    der_read_leave(&c->r);
}

/* [0] IMPLICIT SET OF Attribute { type, values SET } */
static void read_attributes(struct csr_reader *c)
{
    bool seen = false;

    if (!der_read_enter_optional(&c->r, DER_CONTEXT_CONSTRUCTED(0)))
        return;
    while (der_read_more(&c->r)) {
        der_read_enter(&c->r, DER_SEQUENCE);
        struct span type = der_read_oid(&c->r);
        if (oid_is(type, OID_EXTENSION_REQUEST)) {
            if (seen)
                refuse(c, "it has two extension requests");
            seen = true;
            der_read_enter(&c->r, DER_SET);
            read_extensions(c);
            der_read_leave(&c->r);
        } else {
            (void)der_read_expect(&c->r, DER_SET);
        }
        der_read_leave(&c->r);
    }
    der_read_leave(&c->r);
}

enum err csr_read(struct arena *a, struct span der, const struct csr_checked **csr,
                  struct err_info *why)
{
    struct csr_reader c = {.arena = a, .r = der_read_start(der, CSR_DEPTH)};

    if (der.len > CSR_MAX)
        return err_set(why, ERR_BAD_CSR, "the request is longer than %d octets", CSR_MAX);
    c.csr = arena_get(a, sizeof *c.csr);
    c.csr->der = der;
    c.names = arena_array(a, CSR_NAMES_MAX, sizeof *c.names);
    c.csr->dns_names = c.names;
    der_read_enter(&c.r, DER_SEQUENCE);
    struct der_reader signed_part = c.r;
    struct span info = der_read_element(&signed_part);
    der_read_enter(&c.r, DER_SEQUENCE);
    (void)der_read_small(&c.r, 0);
    struct der_reader subject = c.r;
    c.csr->subject = der_read_element(&subject);
    read_subject(&c);
    struct span spki = der_read_element(&c.r);
    read_attributes(&c);
    der_read_leave(&c.r);
    bool well_formed = der_read_ok(&c.r);
    enum key_signature kind = oid_read_signature(&c.r);
    c.refused = c.refused || (well_formed && !der_read_ok(&c.r));
    struct span signature = der_read_bits(&c.r);
    der_read_leave(&c.r);
    TRY(der_read_finish(&c.r, c.refused ? ERR_BAD_CSR : ERR_MALFORMED,
                        "the certificate request", why));
    if (key_from_spki(spki, &c.csr->key, why) != ERR_OK) {
        if (why != NULL)
            why->code = ERR_BAD_CSR;
        return ERR_BAD_CSR;
    }
    (void)arena_own(a, c.csr->key, key_drop);
    if (key_verify(c.csr->key, kind, info, signature, why) != ERR_OK)
        return err_set(
            why, ERR_BAD_CSR,
            "the request's signature is wrong: it does not prove possession of the key");
    *csr = c.csr;
    return ERR_OK;
}
