/* To-be-signed certificates, written backwards from templates. */
#include "server/issue/template.h"

#include <string.h>

#include "core/crypto/hash.h"
#include "core/x509/certificate.h"
#include "core/x509/oid.h"

#define DER_SAN_DNS    0x82
#define DER_AKI_KEY_ID 0x80

/* KeyUsage bits, most significant first (RFC 5280 4.2.1.3). */
#define USAGE_DIGITAL_SIGNATURE 0x80
#define USAGE_KEY_ENCIPHERMENT  0x20
#define USAGE_CERT_SIGN         0x04
#define USAGE_CRL_SIGN          0x02

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

static void write_server_auth(struct der_writer *w)
{
    size_t mark = der_write_mark(w);

    oid_write(w, OID_SERVER_AUTH);
    der_write_wrap(w, DER_SEQUENCE, mark);
    extension(w, OID_EXTENDED_KEY_USAGE, false, mark);
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

static void write_subject_key_id(struct der_writer *w, struct span spki)
{
    uint8_t key_id[TEMPLATE_KEY_ID_SIZE];
    size_t mark = der_write_mark(w);

    template_key_id(spki, key_id);
    der_write_element(w, DER_OCTET_STRING, span_make(key_id, sizeof key_id));
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

    for (size_t i = leaf->dns_name_count; i > 0; i--)
        der_write_element(w, DER_SAN_DNS, span_of(leaf->dns_names[i - 1]));
    der_write_wrap(w, DER_SEQUENCE, mark);
    /* critical because the subject is empty (RFC 5280 4.2.1.6) */
    extension(w, OID_SUBJECT_ALTERNATIVE_NAME, true, mark);
}

static void write_policy(struct der_writer *w)
{
    size_t mark = der_write_mark(w);

    oid_write(w, OID_DOMAIN_VALIDATED);
    der_write_wrap(w, DER_SEQUENCE, mark);
    der_write_wrap(w, DER_SEQUENCE, mark);
    extension(w, OID_CERTIFICATE_POLICIES, false, mark);
}

static void close_extensions(struct der_writer *w, size_t mark)
{
    der_write_wrap(w, DER_SEQUENCE, mark);
    der_write_wrap(w, DER_CONTEXT_CONSTRUCTED(3), mark);
}

/* Name with one common name, or an empty one for NULL. */
static void write_name(struct der_writer *w, const char *common_name)
{
    size_t mark = der_write_mark(w);

    if (common_name != NULL) {
        der_write_element(w, DER_UTF8_STRING, span_of(common_name));
        oid_write(w, OID_COMMON_NAME);
        der_write_wrap(w, DER_SEQUENCE, mark);
        der_write_wrap(w, DER_SET, mark);
    }
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
    struct der_writer w =
        der_writer_make(arena_get(a, TEMPLATE_TBS_MAX), TEMPLATE_TBS_MAX);
    size_t mark = der_write_mark(&w);
    uint8_t usage = leaf->key_type == KEY_RSA
                        ? USAGE_DIGITAL_SIGNATURE | USAGE_KEY_ENCIPHERMENT
                        : USAGE_DIGITAL_SIGNATURE;

    write_policy(&w);
    write_names(&w, leaf);
    write_authority_key_id(&w, issuer->key_id);
    write_subject_key_id(&w, leaf->spki);
    write_basic_constraints(&w, -2);
    write_server_auth(&w);
    write_key_usage(&w, usage);
    close_extensions(&w, mark);
    der_write_raw(&w, leaf->spki);
    write_name(&w, NULL);
    write_validity(&w, leaf->not_before, leaf->not_after);
    der_write_raw(&w, issuer->name);
    oid_write_signature(&w, issuer->signature_kind);
    return finish(&w, leaf->serial, mark, tbs, why);
}

enum err template_ca_write(struct arena *a, const struct template_issuer *issuer,
                           enum key_signature signature_kind,
                           const struct template_ca *ca, struct span *tbs,
                           struct err_info *why)
{
    struct der_writer w =
        der_writer_make(arena_get(a, TEMPLATE_TBS_MAX), TEMPLATE_TBS_MAX);
    size_t mark = der_write_mark(&w);

    if (issuer != NULL)
        write_authority_key_id(&w, issuer->key_id);
    write_subject_key_id(&w, ca->spki);
    write_basic_constraints(&w, ca->path_length);
    write_key_usage(&w, USAGE_CERT_SIGN | USAGE_CRL_SIGN);
    close_extensions(&w, mark);
    der_write_raw(&w, ca->spki);
    write_name(&w, ca->common_name);
    write_validity(&w, ca->not_before, ca->not_after);
    if (issuer != NULL)
        der_write_raw(&w, issuer->name);
    else
        write_name(&w, ca->common_name);
    oid_write_signature(&w, issuer != NULL ? issuer->signature_kind : signature_kind);
    return finish(&w, ca->serial, mark, tbs, why);
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
    if (!c->is_ca || c->subject_key_id.len == 0)
        return err_set(
            why, ERR_CONFIG,
            "the issuing certificate is no CA certificate with a key identifier");
    TRY(key_from_spki(c->spki, &key, why));
    issuer->name = c->subject;
    issuer->key_id = c->subject_key_id;
    issuer->signature_kind = key_x509_signature(key);
    issuer->not_before = c->not_before;
    issuer->not_after = c->not_after;
    key_free(key);
    return ERR_OK;
}
