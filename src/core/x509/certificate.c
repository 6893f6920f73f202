/* Certificates (RFC 5280), read as far as we need. */
#include "core/x509/certificate.h"

#include <string.h>

#include "core/x509/oid.h"

#define CERTIFICATE_DEPTH     12
#define CERTIFICATE_NAMES_MAX 1000
#define DER_SAN_DNS           0x82
#define DER_SAN_IP            0x87
#define DER_AKI_KEY_ID        0x80

/* Other kinds of otherName are nobody's business here. */
static void read_device(struct arena *a, struct der_reader *r, struct span content,
                        struct device_name **devices, struct certificate *c)
{
    struct device_name read = {0};
    enum device_name_kind kind = device_name_read(content, &read);

    if (kind == DEVICE_NAME_NONE)
        return;
    if (kind == DEVICE_NAME_MALFORMED || c->device_count == CERTIFICATE_NAMES_MAX) {
        der_read_fail(r, "the name of a device is not acceptable");
        return;
    }
    if (*devices == NULL)
        *devices = arena_array(a, CERTIFICATE_NAMES_MAX, sizeof **devices);
    (*devices)[c->device_count++] = read;
    c->devices = *devices;
}

/* What an extension's octets hold; errors go to the outer reader. */
static void read_names(struct arena *a, struct der_reader *r, struct certificate *c)
{
    const char **names = arena_array(a, CERTIFICATE_NAMES_MAX, sizeof *names);
    struct span *addresses = NULL;
    struct device_name *devices = NULL;

    der_read_enter(r, DER_SEQUENCE);
    while (der_read_more(r)) {
        uint8_t tag = 0;
        struct span name = der_read_tlv(r, &tag);
        if (tag == DER_SAN_DNS && c->dns_name_count < CERTIFICATE_NAMES_MAX &&
            memchr(name.data, 0, name.len) == NULL) {
            names[c->dns_name_count++] = arena_string_of(a, name);
        } else if (tag == DER_SAN_IP && c->address_count < CERTIFICATE_NAMES_MAX &&
                   (name.len == 4 || name.len == 16)) {
            if (addresses == NULL)
                addresses = arena_array(a, CERTIFICATE_NAMES_MAX, sizeof *addresses);
            addresses[c->address_count++] = name;
        } else if (tag == DER_SAN_OTHER) {
            read_device(a, r, name, &devices, c);
        } else if (tag == DER_SAN_DNS || tag == DER_SAN_IP) {
            der_read_fail(r, "the subjectAltName is not acceptable");
        }
    }
    der_read_leave(r);
    c->dns_names = names;
    c->addresses = addresses;
}

static void read_extension(struct arena *a, struct span id, struct der_reader *r,
                           struct certificate *c)
{
    if (oid_is(id, OID_SUBJECT_ALTERNATIVE_NAME)) {
        read_names(a, r, c);
    } else if (oid_is(id, OID_SUBJECT_KEY_IDENTIFIER)) {
        c->subject_key_id = der_read_expect(r, DER_OCTET_STRING);
    } else if (oid_is(id, OID_AUTHORITY_KEY_IDENTIFIER)) {
        der_read_enter(r, DER_SEQUENCE);
        (void)der_read_optional(r, DER_AKI_KEY_ID, &c->authority_key_id);
        while (der_read_more(r))
            (void)der_read_tlv(r, NULL);
        der_read_leave(r);
    } else if (oid_is(id, OID_BASIC_CONSTRAINTS)) {
        der_read_enter(r, DER_SEQUENCE);
        if (der_read_peek(r) == DER_BOOLEAN)
            c->is_ca = der_read_boolean(r);
        if (der_read_more(r))
            c->path_length = (int)der_read_small(r, 255);
        der_read_leave(r);
    } else if (oid_is(id, OID_KEY_USAGE)) {
        c->key_usage = der_read_element(r);
    } else if (oid_is(id, OID_EXTENDED_KEY_USAGE)) {
        c->extended_key_usage = der_read_element(r);
    } else if (oid_is(id, OID_NAME_CONSTRAINTS)) {
        c->name_constraints = der_read_element(r);
    } else {
        (void)der_read_element(r);
    }
}

static void read_extensions(struct arena *a, struct der_reader *r, struct certificate *c)
{
    if (!der_read_enter_optional(r, DER_CONTEXT_CONSTRUCTED(3)))
        return;
    der_read_enter(r, DER_SEQUENCE);
    while (der_read_more(r)) {
        der_read_enter(r, DER_SEQUENCE);
        struct span id = der_read_oid(r);
        if (der_read_peek(r) == DER_BOOLEAN)
            (void)der_read_boolean(r);
        struct der_reader inner = der_read_start(der_read_expect(r, DER_OCTET_STRING), 6);
        der_read_leave(r);
        if (!der_read_ok(r))
            return;
        read_extension(a, id, &inner, c);
        if (!der_read_ok(&inner) || der_read_more(&inner))
            der_read_fail(r, "an extension's content is malformed");
    }
    der_read_leave(r);
    der_read_leave(r);
}

/* Only version 3 has extensions. Whoever forgets them with openssl gets a version 1, in
 * which the version itself is left out (RFC 5280 4.1.2.1). */
static void read_version(struct der_reader *r)
{
    if (der_read_peek(r) == DER_INTEGER) {
        der_read_fail(r, "it is of version 1, which has no extensions");
        return;
    }
    der_read_enter(r, DER_CONTEXT_CONSTRUCTED(0));
    if (der_read_small(r, 2) != 2)
        der_read_fail(r, "the version is not 3");
    der_read_leave(r);
}

static void read_tbs(struct arena *a, struct der_reader *r, struct certificate *c)
{
    der_read_enter(r, DER_SEQUENCE);
    read_version(r);
    c->serial = der_read_unsigned(r);
    enum key_signature kind = oid_read_signature(r);
    if (c->der.len == 0)
        c->signature_kind = kind;
    else if (kind != c->signature_kind && der_read_ok(r))
        c->signature_kind =
            KEY_SIGNATURE_ES256; /* no X.509 kind: found different below */
    c->issuer = der_read_element(r);
    der_read_enter(r, DER_SEQUENCE);
    c->not_before = der_read_time(r);
    c->not_after = der_read_time(r);
    der_read_leave(r);
    c->subject = der_read_element(r);
    c->spki = der_read_element(r);
    read_extensions(a, r, c);
    der_read_leave(r);
}

enum err certificate_read(struct arena *a, struct span der,
                          struct certificate **certificate, struct err_info *why)
{
    struct der_reader r = der_read_start(der, CERTIFICATE_DEPTH);
    struct certificate *c = arena_get(a, sizeof *c);

    if (der.len > CERTIFICATE_MAX)
        return err_set(why, ERR_MALFORMED, "the certificate is longer than %d octets",
                       CERTIFICATE_MAX);
    c->der = der;
    c->path_length = -1;
    der_read_enter(&r, DER_SEQUENCE);
    /* the outer algorithm first, to compare the inner one with it (RFC 5280 4.1.1.2) */
    struct der_reader ahead = r;
    c->tbs = der_read_element(&ahead);
    c->signature_kind = oid_read_signature(&ahead);
    read_tbs(a, &r, c);
    if (oid_read_signature(&r) != c->signature_kind)
        der_read_fail(&r, "its two signature algorithms differ");
    c->signature = der_read_bits(&r);
    der_read_leave(&r);
    TRY(der_read_finish(&r, ERR_MALFORMED, "the certificate", why));
    *certificate = c;
    return ERR_OK;
}

enum err certificate_read_tbs(struct arena *a, struct span tbs,
                              struct certificate **certificate, struct err_info *why)
{
    struct der_reader r = der_read_start(tbs, CERTIFICATE_DEPTH);
    struct certificate *c = arena_get(a, sizeof *c);

    c->tbs = tbs;
    read_tbs(a, &r, c);
    TRY(der_read_finish(&r, ERR_MALFORMED, "the certificate", why));
    *certificate = c;
    return ERR_OK;
}
