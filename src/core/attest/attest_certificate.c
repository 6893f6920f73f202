/* Certificates of attestations. */
#include "core/attest/attest_certificate.h"

#include "core/base/buf.h"
#include "core/base/text.h"
#include "core/crypto/der_read.h"
#include "core/x509/oid.h"

#define DEPTH         12
#define NAME_TEXT_MAX 1024 /* octets */

static void read_basic_constraints(struct attest_certificate *c, struct der_reader *r,
                                   struct span value)
{
    struct der_reader inner = der_read_start(value, 2);

    der_read_enter(&inner, DER_SEQUENCE);
    if (der_read_peek(&inner) == DER_BOOLEAN)
        c->is_ca = der_read_boolean(&inner);
    if (der_read_more(&inner))
        (void)der_read_unsigned(&inner);
    der_read_leave(&inner);
    if (!der_read_ok(&inner) || der_read_more(&inner))
        der_read_fail(r, "its basic constraints are malformed");
}

static void read_extension(struct attest_certificate *c, struct der_reader *r)
{
    struct attest_extension e = {0};
    struct span before;

    der_read_enter(r, DER_SEQUENCE);
    e.id = der_read_oid(r);
    if (der_read_peek(r) == DER_BOOLEAN)
        e.critical = der_read_boolean(r);
    e.value = der_read_expect(r, DER_OCTET_STRING);
    der_read_leave(r);
    if (c->extension_count == ATTEST_CERTIFICATE_EXTENSIONS_MAX)
        der_read_fail(r, "it has too many extensions");
    if (attest_certificate_find(c, e.id, &before))
        der_read_fail(r, "it has an extension twice");
    if (!der_read_ok(r))
        return;
    c->extensions[c->extension_count++] = e;
    if (oid_is(e.id, OID_BASIC_CONSTRAINTS))
        read_basic_constraints(c, r, e.value);
}

static void read_tbs(struct attest_certificate *c, struct der_reader *r)
{
    der_read_enter(r, DER_SEQUENCE);
    if (der_read_peek(r) == DER_CONTEXT_CONSTRUCTED(0)) {
        der_read_enter(r, DER_CONTEXT_CONSTRUCTED(0));
        if (der_read_small(r, 2) != 2)
            der_read_fail(r, "its version is not 3");
        der_read_leave(r);
    } else {
        der_read_fail(r, "its version is not 3");
    }
    c->serial = der_read_unsigned(r);
    (void)der_read_expect(r, DER_SEQUENCE); /* algorithm: judged with the chain */
    c->issuer = der_read_element(r);
    (void)der_read_expect(r, DER_SEQUENCE); /* times: likewise */
    c->subject = der_read_element(r);
    c->spki = der_read_element(r);
    struct span unique_id;
    (void)der_read_optional(r, DER_CONTEXT(1), &unique_id);
    (void)der_read_optional(r, DER_CONTEXT(2), &unique_id);
    if (der_read_enter_optional(r, DER_CONTEXT_CONSTRUCTED(3))) {
        der_read_enter(r, DER_SEQUENCE);
        while (der_read_more(r))
            read_extension(c, r);
        der_read_leave(r);
        der_read_leave(r);
    }
    der_read_leave(r);
}

enum err attest_certificate_read(struct arena *a, struct span der,
                                 struct attest_certificate **certificate,
                                 struct err_info *why)
{
    struct der_reader r = der_read_start(der, DEPTH);
    struct attest_certificate *c = arena_get(a, sizeof *c);

    der_read_enter(&r, DER_SEQUENCE);
    read_tbs(c, &r);
    (void)der_read_expect(&r, DER_SEQUENCE);
    (void)der_read_bits(&r);
    der_read_leave(&r);
    TRY(der_read_finish(&r, ERR_MALFORMED, "a certificate of x5c", why));
    *certificate = c;
    return ERR_OK;
}

bool attest_certificate_find(const struct attest_certificate *certificate,
                             struct span oid, struct span *value)
{
    for (size_t i = 0; i < certificate->extension_count; i++) {
        if (!span_equal(certificate->extensions[i].id, oid))
            continue;
        *value = certificate->extensions[i].value;
        return true;
    }
    return false;
}

bool attest_certificate_is_for(const struct attest_certificate *certificate,
                               struct span purpose)
{
    struct span value;
    bool found = false;

    if (!attest_certificate_find(certificate, oid_octets(OID_EXTENDED_KEY_USAGE), &value))
        return false;
    struct der_reader r = der_read_start(value, 2);
    der_read_enter(&r, DER_SEQUENCE);
    while (der_read_more(&r))
        found = span_equal(der_read_oid(&r), purpose) || found;
    der_read_leave(&r);
    return found && der_read_ok(&r) && !der_read_more(&r);
}

/* What attributes are called (RFC 4514 3), as far as CAs use them. */
static const char *attribute_label(struct arena *a, struct span oid)
{
    static const struct {
        enum oid oid;
        const char *label;
    } labels[] = {{OID_COMMON_NAME, "CN"},
                  {OID_COUNTRY, "C"},
                  {OID_ORGANIZATION, "O"},
                  {OID_ORGANIZATIONAL_UNIT, "OU"}};

    for (size_t i = 0; i < sizeof labels / sizeof *labels; i++)
        if (oid_is(oid, labels[i].oid))
            return labels[i].label;
    const char *dotted = oid_to_text(a, oid);
    return dotted == NULL ? "?" : dotted;
}

char *attest_certificate_name(struct arena *a, struct span name)
{
    struct der_reader r = der_read_start(name, 4);
    AUTO(buf) struct buf text = buf_make(NAME_TEXT_MAX);

    der_read_enter(&r, DER_SEQUENCE);
    while (der_read_more(&r)) {
        der_read_enter(&r, DER_SET);
        while (der_read_more(&r)) {
            der_read_enter(&r, DER_SEQUENCE);
            const char *label = attribute_label(a, der_read_oid(&r));
            struct span value = der_read_tlv(&r, NULL);
            buf_printf(&text, "%s%s=", text.len == 0 ? "" : ", ", label);
            buf_add_span(&text, value);
            der_read_leave(&r);
        }
        der_read_leave(&r);
    }
    der_read_leave(&r);
    if (!der_read_ok(&r) || der_read_more(&r) || text.failed)
        return NULL;
    char *made = arena_string_of(a, buf_span(&text));
    text_make_printable(made);
    return made;
}

size_t attest_certificate_attribute(struct span name, struct span oid, struct span *value)
{
    struct der_reader r = der_read_start(name, 4);
    size_t count = 0;

    der_read_enter(&r, DER_SEQUENCE);
    while (der_read_more(&r)) {
        der_read_enter(&r, DER_SET);
        while (der_read_more(&r)) {
            der_read_enter(&r, DER_SEQUENCE);
            struct span id = der_read_oid(&r);
            uint8_t tag = 0;
            struct span text = der_read_tlv(&r, &tag);
            der_read_leave(&r);
            if (!span_equal(id, oid) ||
                (tag != DER_UTF8_STRING && tag != DER_PRINTABLE_STRING &&
                 tag != DER_IA5_STRING))
                continue;
            *value = text;
            count++;
        }
        der_read_leave(&r);
    }
    der_read_leave(&r);
    return der_read_ok(&r) && !der_read_more(&r) ? count : 0;
}
