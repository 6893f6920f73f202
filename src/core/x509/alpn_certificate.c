/* Certificates that answer tls-alpn-01. */
#include "core/x509/alpn_certificate.h"

#include "core/x509/oid.h"

#define DEPTH           8
#define EXTENSION_DEPTH 2

/* A GeneralName is [0] to [8]: constructed where its type is (X.690 8.14). */
#define NAME_CLASS_MASK   0xc0
#define NAME_CLASS        0x80
#define NAME_CONSTRUCTED  0x20
#define NAME_NUMBER_MASK  0x1f
#define NAMES_CONSTRUCTED (1U << 0 | 1U << 3 | 1U << 4 | 1U << 5)
#define ISSUER_UNIQUE_ID  DER_CONTEXT(1) /* BIT STRING, implicit */
#define SUBJECT_UNIQUE_ID DER_CONTEXT(2)
#define EXTENSIONS        DER_CONTEXT_CONSTRUCTED(3)
#define VERSION           DER_CONTEXT_CONSTRUCTED(0)
#define VERSION_3         2

static bool is_general_name(uint8_t tag)
{
    unsigned int number = tag & NAME_NUMBER_MASK;
    bool constructed = (tag & NAME_CONSTRUCTED) != 0;

    return (tag & NAME_CLASS_MASK) == NAME_CLASS &&
           number <= ALPN_CERTIFICATE_REGISTERED_ID &&
           constructed == ((NAMES_CONSTRUCTED >> number & 1) != 0);
}

static void read_names(struct arena *a, struct der_reader *r, struct alpn_certificate *c)
{
    struct alpn_certificate_name *names =
        arena_array(a, ALPN_CERTIFICATE_NAMES_MAX, sizeof *names);

    der_read_enter(r, DER_SEQUENCE);
    while (der_read_more(r)) {
        uint8_t tag = 0;
        struct span value = der_read_tlv(r, &tag);
        if (!der_read_ok(r))
            return;
        if (!is_general_name(tag)) {
            der_read_fail(r, "the subjectAltName has something that is no name");
        } else if (c->name_count == ALPN_CERTIFICATE_NAMES_MAX) {
            der_read_fail(r, "the subjectAltName has too many names");
        } else {
            names[c->name_count].kind =
                (enum alpn_certificate_name_kind)(tag & NAME_NUMBER_MASK);
            names[c->name_count++].value = value;
        }
    }
    der_read_leave(r);
    c->has_names = true;
    c->names = names;
}

/* Authorization ::= OCTET STRING (SIZE (32)). What is something else is told by whoever
 * judges, since it is a mistake people make. */
static void read_identifier(struct span value, bool critical, struct alpn_certificate *c)
{
    struct der_reader r = der_read_start(value, 0);
    struct span digest = der_read_expect(&r, DER_OCTET_STRING);

    c->has_identifier = true;
    c->is_critical = critical;
    if (der_read_ok(&r) && !der_read_more(&r))
        c->digest = digest;
}

static void read_extension(struct arena *a, struct der_reader *r, struct span id,
                           bool critical, struct alpn_certificate *c)
{
    struct span value = der_read_expect(r, DER_OCTET_STRING);

    if (!der_read_ok(r))
        return;
    if (oid_is(id, OID_ACME_IDENTIFIER)) {
        read_identifier(value, critical, c);
    } else if (oid_is(id, OID_ACME_IDENTIFIER_DRAFT)) {
        c->has_draft_identifier = true;
    } else if (oid_is(id, OID_SUBJECT_ALTERNATIVE_NAME)) {
        struct der_reader inner = der_read_start(value, EXTENSION_DEPTH);
        read_names(a, &inner, c);
        if (der_read_more(&inner))
            der_read_fail(&inner, "something stands behind the subjectAltName");
        if (!der_read_ok(&inner))
            der_read_fail(r, inner.error);
    }
}

/* RFC 5280 4.2: no extension twice, lest the second be read by somebody else. */
static void read_extensions(struct arena *a, struct der_reader *r,
                            struct alpn_certificate *c)
{
    struct span seen[ALPN_CERTIFICATE_EXTENSIONS_MAX];
    size_t count = 0;

    if (!der_read_enter_optional(r, EXTENSIONS))
        return;
    der_read_enter(r, DER_SEQUENCE);
    while (der_read_more(r)) {
        der_read_enter(r, DER_SEQUENCE);
        struct span id = der_read_oid(r);
        bool critical = false;
        if (der_read_peek(r) == DER_BOOLEAN) {
            critical = der_read_boolean(r);
            if (!critical)
                der_read_fail(r, "a default value is written out");
        }
        read_extension(a, r, id, critical, c);
        der_read_leave(r);
        if (!der_read_ok(r))
            return;
        for (size_t i = 0; i < count; i++)
            if (span_equal(seen[i], id))
                der_read_fail(r, "it has an extension twice");
        if (count == ALPN_CERTIFICATE_EXTENSIONS_MAX)
            der_read_fail(r, "it has too many extensions");
        else
            seen[count++] = id;
    }
    der_read_leave(r);
    der_read_leave(r);
}

/* An algorithm we do not know is no error: the signature is of no great account. */
static void read_algorithm(struct der_reader *r, struct span *algorithm,
                           struct alpn_certificate *c)
{
    *algorithm = der_read_element(r);
    struct der_reader inner = der_read_start(*algorithm, 2);
    c->signature_kind = oid_read_signature(&inner);
    c->signature_known = der_read_ok(&inner) && !der_read_more(&inner);
}

static struct span read_tbs(struct arena *a, struct der_reader *r,
                            struct alpn_certificate *c)
{
    struct span algorithm;
    struct span unique_id;

    der_read_enter(r, DER_SEQUENCE);
    der_read_enter(r, VERSION);
    if (der_read_small(r, VERSION_3) != VERSION_3)
        der_read_fail(r, "the version is not 3");
    der_read_leave(r);
    (void)der_read_integer(r); /* serial */
    read_algorithm(r, &algorithm, c);
    c->issuer = der_read_element(r);
    der_read_enter(r, DER_SEQUENCE);
    (void)der_read_time(r);
    (void)der_read_time(r);
    der_read_leave(r);
    c->subject = der_read_element(r);
    c->spki = der_read_element(r);
    (void)der_read_optional(r, ISSUER_UNIQUE_ID, &unique_id);
    (void)der_read_optional(r, SUBJECT_UNIQUE_ID, &unique_id);
    read_extensions(a, r, c);
    der_read_leave(r);
    return algorithm;
}

enum err alpn_certificate_read(struct arena *a, struct span der,
                               struct alpn_certificate **certificate,
                               struct err_info *why)
{
    struct der_reader r = der_read_start(der, DEPTH);
    struct alpn_certificate *c = arena_get(a, sizeof *c);
    struct span outer;

    if (der.len > ALPN_CERTIFICATE_MAX)
        return err_set(why, ERR_MALFORMED, "the certificate is longer than %d octets",
                       ALPN_CERTIFICATE_MAX);
    der_read_enter(&r, DER_SEQUENCE);
    struct der_reader ahead = r;
    c->tbs = der_read_element(&ahead);
    struct span inner = read_tbs(a, &r, c);
    read_algorithm(&r, &outer, c);
    if (!span_equal(inner, outer)) /* RFC 5280 4.1.1.2 */
        der_read_fail(&r, "its two signature algorithms differ");
    c->signature = der_read_bits(&r);
    der_read_leave(&r);
    TRY(der_read_finish(&r, ERR_MALFORMED, "the certificate", why));
    *certificate = c;
    return ERR_OK;
}
