/* Who a certificate says the device is. */
#include <string.h>

#include "core/acme/identifier_device.h"
#include "core/attest/attest_private.h"
#include "core/base/base64.h"
#include "core/crypto/der_read.h"
#include "core/x509/oid.h"

#define SAN_OTHER_NAME DER_CONTEXT_CONSTRUCTED(0)
#define SAN_DIRECTORY  DER_CONTEXT_CONSTRUCTED(4)
#define SAN_URI        DER_CONTEXT(6)
#define EK_URN         "urn:ek:sha256:"

static enum err add(struct attest_case *c, enum identifier_type type, struct span id,
                    struct span oid, struct err_info *why)
{
    struct identifier identifier;
    struct err_info unsaid = {0};

    /* what no order can name matches nothing, which is no fault of the attestation */
    if (identifier_device_join(c->arena, type, id, oid, &identifier, &unsaid) != ERR_OK)
        return ERR_OK;
    for (size_t i = 0; i < c->identity_count; i++)
        if (identifier_equal(&c->identities[i], &identifier))
            return ERR_OK;
    if (c->identity_count == ATTEST_IDENTITIES_MAX)
        return err_set(why, ERR_MALFORMED, "it names more than %d devices",
                       ATTEST_IDENTITIES_MAX);
    c->identities[c->identity_count++] = identifier;
    return ERR_OK;
}

enum err attest_identity_add(struct attest_case *c, struct span id, struct err_info *why)
{
    return add(c, IDENTIFIER_PERMANENT_IDENTIFIER, id, (struct span){0}, why);
}

/* SEQUENCE { identifierValue UTF8String OPTIONAL, assigner OBJECT IDENTIFIER OPTIONAL };
 * without a value it would be the subject's serialNumber (RFC 4043 2), which the draft
 * excludes. */
static void read_permanent(struct der_reader *r, struct span *id, struct span *oid)
{
    der_read_enter(r, DER_SEQUENCE);
    (void)der_read_optional(r, DER_UTF8_STRING, id);
    if (der_read_more(r))
        *oid = der_read_oid(r);
    der_read_leave(r);
}

/* SEQUENCE { hwType OBJECT IDENTIFIER, hwSerialNum OCTET STRING }; a library that is used
 * gives the serial number the tag [4]. */
static void read_module(struct der_reader *r, struct span *id, struct span *oid)
{
    der_read_enter(r, DER_SEQUENCE);
    *oid = der_read_oid(r);
    if (!der_read_optional(r, DER_CONTEXT(4), id))
        *id = der_read_expect(r, DER_OCTET_STRING);
    der_read_leave(r);
}

static enum err read_other_name(struct attest_case *c, struct der_reader *r,
                                struct err_info *why)
{
    struct span id = {0};
    struct span oid = {0};
    enum identifier_type type = IDENTIFIER_PERMANENT_IDENTIFIER;

    der_read_enter(r, SAN_OTHER_NAME);
    struct span kind = der_read_oid(r);
    der_read_enter(r, DER_CONTEXT_CONSTRUCTED(0));
    if (oid_is(kind, OID_PERMANENT_IDENTIFIER)) {
        read_permanent(r, &id, &oid);
    } else if (oid_is(kind, OID_HARDWARE_MODULE_NAME)) {
        type = IDENTIFIER_HARDWARE_MODULE;
        read_module(r, &id, &oid);
    } else {
        (void)der_read_tlv(r, NULL);
    }
    der_read_leave(r);
    der_read_leave(r);
    if (!der_read_ok(r) || id.len == 0)
        return ERR_OK;
    return add(c, type, id, oid, why);
}

static void read_uri(struct arena *a, struct span uri, struct attest_known *ek)
{
    struct span prefix = span_of(EK_URN);
    struct span octets;

    if (!span_equal(span_slice(uri, 0, prefix.len), prefix) ||
        !base64_decode(a, span_slice(uri, prefix.len, uri.len), &octets) ||
        octets.len != sizeof ek->sha256)
        return;
    ek->kind = ATTEST_KNOWN_EK;
    memcpy(ek->sha256, octets.data, sizeof ek->sha256);
}

enum err attest_identity_names(struct attest_case *c, struct span *directory,
                               struct attest_known *ek, struct err_info *why)
{
    struct span value;
    struct attest_known found = {0};

    if (!attest_certificate_find(c->certificates[0],
                                 oid_octets(OID_SUBJECT_ALTERNATIVE_NAME), &value))
        return ERR_OK;
    struct der_reader r = der_read_start(value, 6);
    der_read_enter(&r, DER_SEQUENCE);
    while (der_read_more(&r)) {
        uint8_t tag = der_read_peek(&r);
        if (tag == SAN_OTHER_NAME) {
            TRY(read_other_name(c, &r, why));
            continue;
        }
        struct span name = der_read_tlv(&r, NULL);
        if (tag == SAN_DIRECTORY && directory != NULL)
            *directory = name;
        else if (tag == SAN_URI)
            read_uri(c->arena, name, &found);
    }
    der_read_leave(&r);
    TRY(der_read_finish(&r, ERR_MALFORMED, "the subject alternative names of x5c[0]",
                        why));
    if (ek != NULL)
        *ek = found;
    return ERR_OK;
}
