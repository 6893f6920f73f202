/* To-be-signed certificates, written backwards from templates. */
#include "server/issue/template.h"

#include <string.h>

#include "core/crypto/hash.h"
#include "core/x509/certificate.h"
#include "core/x509/oid.h"

#define DER_SAN_DNS    0x82
#define DER_SAN_IP     0x87
#define DER_AKI_KEY_ID 0x80
#define DER_URL        0x86 /* GeneralName */

#define TEMPLATE_NAME_MAX 2048           /* octets */
#define NO_END            253402300799LL /* 9999-12-31T23:59:59Z */

/* Close an extension whose value was written since `mark`. */
static void extension(struct der_writer *w, enum oid oid, bool critical, size_t mark)
{
    der_write_wrap(w, DER_OCTET_STRING, mark);
    if (critical)
        der_write_true(w);
    oid_write(w, oid);
    der_write_wrap(w, DER_SEQUENCE, mark);
}

static void write_key_usage(struct der_writer *w, uint8_t bits)
{
    uint8_t content[2] = {0, bits};
    size_t mark = der_write_mark(w);

    /* trailing zero bits are counted, not sent as used (X.690 11.2.2) */
    while ((bits & 1) == 0) {
        bits = (uint8_t)(bits >> 1);
        content[0]++;
    }
    der_write_element(w, DER_BIT_STRING, span_make(content, sizeof content));
    extension(w, OID_KEY_USAGE, true, mark);
}

static void write_extended_key_usage(struct der_writer *w,
                                     const struct template_oids *usages, bool critical)
{
    size_t mark = der_write_mark(w);

    for (size_t i = usages->count; i > 0; i--)
        der_write_element(w, DER_OID, usages->list[i - 1]);
    der_write_wrap(w, DER_SEQUENCE, mark);
    extension(w, OID_EXTENDED_KEY_USAGE, critical, mark);
}

/* `path_length` -2: no CA; -1: a CA without limit. */
static void write_basic_constraints(struct der_writer *w, int path_length)
{
    size_t mark = der_write_mark(w);

    if (path_length >= 0) {
        uint8_t length = (uint8_t)path_length;
        der_write_unsigned(w, span_make(&length, 1));
    }
    if (path_length >= -1)
        der_write_true(w);
    der_write_wrap(w, DER_SEQUENCE, mark);
    extension(w, OID_BASIC_CONSTRAINTS, true, mark);
}

/* `given` empty: made of the key. */
static void write_subject_key_id(struct der_writer *w, struct span given,
                                 struct span spki)
{
    uint8_t key_id[TEMPLATE_KEY_ID_SIZE];
    size_t mark = der_write_mark(w);

    template_key_id(spki, key_id);
    der_write_element(w, DER_OCTET_STRING,
                      given.len > 0 ? given : span_make(key_id, sizeof key_id));
    extension(w, OID_SUBJECT_KEY_IDENTIFIER, false, mark);
}

static void write_authority_key_id(struct der_writer *w, struct span key_id)
{
    size_t mark = der_write_mark(w);

    der_write_element(w, DER_AKI_KEY_ID, key_id);
    der_write_wrap(w, DER_SEQUENCE, mark);
    extension(w, OID_AUTHORITY_KEY_IDENTIFIER, false, mark);
}

static void write_names(struct der_writer *w, const struct template_leaf *leaf)
{
    size_t mark = der_write_mark(w);

    if (leaf->address_count + leaf->dns_name_count + leaf->device_count +
                leaf->general_names.len ==
            0 &&
        leaf->uri == NULL)
        return; /* a responder's */
    if (leaf->uri != NULL)
        der_write_element(w, DER_URL, span_of(leaf->uri));
    for (size_t i = leaf->device_count; i > 0; i--)
        device_name_write(w, &leaf->devices[i - 1]);
    for (size_t i = leaf->address_count; i > 0; i--)
        der_write_element(w, DER_SAN_IP, leaf->addresses[i - 1]);
    for (size_t i = leaf->dns_name_count; i > 0; i--)
        der_write_element(w, DER_SAN_DNS, span_of(leaf->dns_names[i - 1]));
    der_write_raw(w, leaf->general_names);
    der_write_wrap(w, DER_SEQUENCE, mark);
    /* RFC 5280 4.2.1.6 */
    extension(w, OID_SUBJECT_ALTERNATIVE_NAME, leaf->common_name == NULL, mark);
}

static void write_policies(struct der_writer *w, const struct template_oids *policies)
{
    size_t mark = der_write_mark(w);

    if (policies->count == 0)
        return;
    for (size_t i = policies->count; i > 0; i--) {
        size_t one = der_write_mark(w);
        der_write_element(w, DER_OID, policies->list[i - 1]);
        der_write_wrap(w, DER_SEQUENCE, one);
    }
    der_write_wrap(w, DER_SEQUENCE, mark);
    extension(w, OID_CERTIFICATE_POLICIES, false, mark);
}

static void write_access(struct der_writer *w, const struct template_urls *urls,
                         enum oid method)
{
    for (size_t i = urls->count; i > 0; i--) {
        size_t mark = der_write_mark(w);
        der_write_element(w, DER_URL, span_of(urls->list[i - 1]));
        oid_write(w, method);
        der_write_wrap(w, DER_SEQUENCE, mark);
    }
}

/* RFC 5280 4.2.2.1 */
static void write_authority_access(struct der_writer *w, const struct template_urls *ocsp,
                                   const struct template_urls *issuer)
{
    size_t mark = der_write_mark(w);

    if (ocsp->count + issuer->count == 0)
        return;
    write_access(w, issuer, OID_CA_ISSUERS);
    write_access(w, ocsp, OID_OCSP);
    der_write_wrap(w, DER_SEQUENCE, mark);
    extension(w, OID_AUTHORITY_INFORMATION_ACCESS, false, mark);
}

/* RFC 5280 4.2.1.13: one point, several ways to the same list. */
static void write_distribution_point(struct der_writer *w,
                                     const struct template_urls *urls)
{
    size_t mark = der_write_mark(w);

    if (urls->count == 0)
        return;
    for (size_t i = urls->count; i > 0; i--)
        der_write_element(w, DER_URL, span_of(urls->list[i - 1]));
    der_write_wrap(w, DER_CONTEXT_CONSTRUCTED(0), mark); /* fullName */
    der_write_wrap(w, DER_CONTEXT_CONSTRUCTED(0), mark); /* distributionPoint */
    der_write_wrap(w, DER_SEQUENCE, mark);
    der_write_wrap(w, DER_SEQUENCE, mark);
    extension(w, OID_CRL_DISTRIBUTION_POINTS, false, mark);
}

/* RFC 6960 4.2.2.2.1 */
static void write_no_check(struct der_writer *w)
{
    size_t mark = der_write_mark(w);

    der_write_element(w, DER_NULL, span_make(NULL, 0));
    extension(w, OID_OCSP_NO_CHECK, false, mark);
}

/* RFC 7633: status_request, 5 (RFC 6066 8). */
static void write_must_staple(struct der_writer *w)
{
    static const uint8_t status_request = 5;
    size_t mark = der_write_mark(w);

    der_write_unsigned(w, span_make(&status_request, 1));
    der_write_wrap(w, DER_SEQUENCE, mark);
    extension(w, OID_TLS_FEATURE, false, mark);
}

/* RFC 9608 2 */
static void write_no_rev_avail(struct der_writer *w)
{
    size_t mark = der_write_mark(w);

    der_write_element(w, DER_NULL, span_make(NULL, 0));
    extension(w, OID_NO_REVOCATION_AVAILABLE, false, mark);
}

/* RFC 6962 3.1 and 3.3: the poison, or the timestamps that take its place. */
static void write_transparency(struct der_writer *w, const struct template_leaf *leaf)
{
    size_t mark = der_write_mark(w);

    if (leaf->poison) {
        der_write_element(w, DER_NULL, span_make(NULL, 0));
        extension(w, OID_PRECERTIFICATE_POISON, true, mark);
    } else if (leaf->scts.len > 0) {
        der_write_element(w, DER_OCTET_STRING, leaf->scts);
        extension(w, OID_SIGNED_CERTIFICATE_TIMESTAMPS, false, mark);
    }
}

static void close_extensions(struct der_writer *w, size_t mark)
{
    der_write_wrap(w, DER_SEQUENCE, mark);
    der_write_wrap(w, DER_CONTEXT_CONSTRUCTED(3), mark);
}

static void write_attribute(struct der_writer *w, enum oid type, uint8_t tag,
                            const char *value)
{
    size_t mark = der_write_mark(w);

    if (value == NULL)
        return;
    der_write_element(w, tag, span_of(value));
    oid_write(w, type);
    der_write_wrap(w, DER_SEQUENCE, mark);
    der_write_wrap(w, DER_SET, mark);
}

/* Name with one common name, or an empty one for NULL. */
static void write_name(struct der_writer *w, const char *common_name)
{
    size_t mark = der_write_mark(w);

    write_attribute(w, OID_COMMON_NAME, DER_UTF8_STRING, common_name);
    der_write_wrap(w, DER_SEQUENCE, mark);
}

static void write_validity(struct der_writer *w, int64_t not_before, int64_t not_after)
{
    size_t mark = der_write_mark(w);

    der_write_time(w, not_after);
    der_write_time(w, not_before);
    der_write_wrap(w, DER_SEQUENCE, mark);
}

/* Serial, version and the SEQUENCE around everything since `mark`. */
static enum err finish(struct der_writer *w, const uint8_t *serial, size_t mark,
                       struct span *tbs, struct err_info *why)
{
    static const uint8_t version_3[] = {0xa0, 0x03, 0x02, 0x01, 0x02};

    der_write_unsigned(w, span_make(serial, SERIAL_SIZE));
    der_write_raw(w, span_make(version_3, sizeof version_3));
    der_write_wrap(w, DER_SEQUENCE, mark);
    *tbs = der_write_take(w);
    if (tbs->len == 0)
        return err_set(why, ERR_TOO_LARGE, "the certificate would be too large");
    return ERR_OK;
}

enum err template_leaf_write(struct arena *a, const struct template_issuer *issuer,
                             const struct template_leaf *leaf, struct span *tbs,
                             struct err_info *why)
{
    uint8_t room[TEMPLATE_TBS_MAX]; /* mostly of 600 octets, and a request waits long */
    struct der_writer w = der_writer_make(room, sizeof room);
    size_t mark = der_write_mark(&w);
    uint8_t usage = leaf->key_usage != 0        ? leaf->key_usage
                    : leaf->key_type == KEY_RSA ? TEMPLATE_USAGE_DIGITAL_SIGNATURE |
                                                      TEMPLATE_USAGE_KEY_ENCIPHERMENT
                                                : TEMPLATE_USAGE_DIGITAL_SIGNATURE;

    write_transparency(&w, leaf);
    if (leaf->no_check)
        write_no_check(&w);
    if (leaf->must_staple)
        write_must_staple(&w);
    if (leaf->no_rev_avail)
        write_no_rev_avail(&w);
    write_distribution_point(&w, &leaf->crl_urls);
    write_authority_access(&w, &leaf->ocsp_urls, &leaf->issuer_urls);
    write_policies(&w, &leaf->policies);
    write_names(&w, leaf);
    write_authority_key_id(&w, issuer->key_id);
    if (!leaf->without_key_id)
        write_subject_key_id(&w, span_make(NULL, 0), leaf->spki);
    write_basic_constraints(&w, -2);
    write_extended_key_usage(&w, &leaf->usages, leaf->usages_critical);
    write_key_usage(&w, usage);
    close_extensions(&w, mark);
    der_write_raw(&w, leaf->spki);
    write_name(&w, leaf->common_name);
    write_validity(&w, leaf->not_before, leaf->not_after);
    der_write_raw(&w, issuer->name);
    oid_write_signature(&w, issuer->signature_kind);
    TRY(finish(&w, leaf->serial, mark, tbs, why));
    *tbs = arena_span(a, *tbs);
    return ERR_OK;
}

/* RFC 5280 4.2.1.10 */
static void write_constraints(struct der_writer *w,
                              const struct name_constraints *constraints)
{
    size_t mark = der_write_mark(w);

    if (constraints == NULL || name_constraints_is_empty(constraints))
        return;
    name_constraints_write(w, constraints);
    extension(w, OID_NAME_CONSTRAINTS, true, mark);
}

enum err template_ca_write(struct arena *a, const struct template_issuer *issuer,
                           enum key_signature signature_kind,
                           const struct template_ca *ca, struct span *tbs,
                           struct err_info *why)
{
    struct der_writer w =
        der_writer_make(arena_get(a, TEMPLATE_TBS_MAX), TEMPLATE_TBS_MAX);
    size_t mark = der_write_mark(&w);

    write_distribution_point(&w, &ca->crl_urls);
    write_authority_access(&w, &ca->ocsp_urls, &ca->issuer_urls);
    write_policies(&w, &ca->policies);
    write_constraints(&w, ca->constraints);
    if (issuer != NULL)
        write_authority_key_id(&w, issuer->key_id);
    write_subject_key_id(&w, ca->key_id, ca->spki);
    write_basic_constraints(&w, ca->path_length);
    if (ca->usages.count > 0)
        write_extended_key_usage(&w, &ca->usages, false);
    write_key_usage(&w, TEMPLATE_USAGE_CERT_SIGN | TEMPLATE_USAGE_CRL_SIGN);
    close_extensions(&w, mark);
    der_write_raw(&w, ca->spki);
    der_write_raw(&w, ca->subject);
    write_validity(&w, ca->not_before, ca->not_after);
    der_write_raw(&w, issuer != NULL ? issuer->name : ca->subject);
    oid_write_signature(&w, issuer != NULL ? issuer->signature_kind : signature_kind);
    return finish(&w, ca->serial, mark, tbs, why);
}

enum err template_name_write(struct arena *a, const struct template_name *name,
                             struct span *element, struct err_info *why)
{
    struct der_writer w =
        der_writer_make(arena_get(a, TEMPLATE_NAME_MAX), TEMPLATE_NAME_MAX);
    size_t mark = der_write_mark(&w);

    write_attribute(&w, OID_COMMON_NAME, DER_UTF8_STRING, name->common_name);
    write_attribute(&w, OID_ORGANIZATION, DER_UTF8_STRING, name->organization);
    write_attribute(&w, OID_COUNTRY, DER_PRINTABLE_STRING, name->country);
    der_write_wrap(&w, DER_SEQUENCE, mark);
    struct span made = der_write_take(&w);
    if (made.len == 0)
        return err_set(why, ERR_TOO_LARGE, "the subject would be too large");
    *element = made;
    return ERR_OK;
}

struct span template_ca_request(struct arena *a, int path_length)
{
    struct der_writer w =
        der_writer_make(arena_get(a, TEMPLATE_NAME_MAX), TEMPLATE_NAME_MAX);
    size_t mark = der_write_mark(&w);

    write_basic_constraints(&w, path_length);
    write_key_usage(&w, TEMPLATE_USAGE_CERT_SIGN | TEMPLATE_USAGE_CRL_SIGN);
    der_write_wrap(&w, DER_SEQUENCE, mark);
    return der_write_take(&w);
}

enum err template_self_write(struct arena *a, const char *common_name, int64_t not_before,
                             struct span spki, enum key_signature key_kind,
                             struct span *tbs, struct err_info *why)
{
    const struct span usages[] = {oid_octets(OID_SERVER_AUTH),
                                  oid_octets(OID_CLIENT_AUTH)};
    const struct template_oids both = {usages, 2};
    struct der_writer w =
        der_writer_make(arena_get(a, TEMPLATE_TBS_MAX), TEMPLATE_TBS_MAX);
    size_t mark = der_write_mark(&w);
    uint8_t serial[SERIAL_SIZE];

    serial_make(not_before, serial);
    write_subject_key_id(&w, span_make(NULL, 0), spki);
    write_basic_constraints(&w, -2);
    write_extended_key_usage(&w, &both, false);
    write_key_usage(&w, TEMPLATE_USAGE_DIGITAL_SIGNATURE);
    close_extensions(&w, mark);
    der_write_raw(&w, spki);
    write_name(&w, common_name);
    write_validity(&w, not_before, NO_END);
    write_name(&w, common_name);
    oid_write_signature(&w, key_kind);
    return finish(&w, serial, mark, tbs, why);
}

struct span template_assemble(struct arena *a, struct span tbs, enum key_signature kind,
                              struct span signature)
{
    size_t room = tbs.len + signature.len + 64;
    struct der_writer w = der_writer_make(arena_get(a, room), room);
    size_t mark = der_write_mark(&w);

    der_write_bits(&w, signature);
    oid_write_signature(&w, kind);
    der_write_raw(&w, tbs);
    der_write_wrap(&w, DER_SEQUENCE, mark);
    return der_write_take(&w);
}

void template_key_id(struct span spki, uint8_t key_id[TEMPLATE_KEY_ID_SIZE])
{
    uint8_t digest[HASH_SHA256_SIZE];
    struct der_reader r = der_read_start(spki, 2);

    der_read_enter(&r, DER_SEQUENCE);
    (void)der_read_element(&r);
    hash_sha256(der_read_bits(&r), digest);
    memcpy(key_id, digest, TEMPLATE_KEY_ID_SIZE);
}

enum err template_issuer_read(struct arena *a, struct span der,
                              struct template_issuer *issuer, struct err_info *why)
{
    struct certificate *c = NULL;
    struct key *key = NULL;

    TRY(certificate_read(a, der, &c, why));
    if (!c->is_ca || c->subject_key_id.len == 0 ||
        c->subject_key_id.len > TEMPLATE_KEY_ID_MAX)
        return err_set(
            why, ERR_CONFIG,
            "the issuing certificate is no CA certificate with a key identifier of at "
            "most %d octets",
            TEMPLATE_KEY_ID_MAX);
    TRY(key_from_spki(c->spki, &key, why));
    issuer->name = c->subject;
    issuer->key_id = c->subject_key_id;
    issuer->signature_kind = key_x509_signature(key);
    issuer->not_before = c->not_before;
    issuer->not_after = c->not_after;
    key_free(key);
    return ERR_OK;
}
