/* Certificates of TPMs. */
#include "core/x509/tpm_certificate.h"

#include "core/base/text.h"
#include "core/x509/oid.h"

#define NAME_DEPTH         4
#define DER_DIRECTORY_NAME DER_CONTEXT_CONSTRUCTED(4) /* GeneralName */
#define KEY_ENCIPHERMENT   (1U << 2)
#define KEY_AGREEMENT      (1U << 4)

/* ---- names ---- */

static bool is_text(struct span s)
{
    if (s.len == 0 || s.len > TPM_CERTIFICATE_TEXT_MAX || !text_is_utf8(s))
        return false;
    for (size_t i = 0; i < s.len; i++)
        if (s.data[i] < ' ' || s.data[i] == 0x7f)
            return false;
    return true;
}

static void take_attribute(struct der_reader *r, struct tpm_certificate_name *name)
{
    uint8_t tag = 0;

    der_read_enter(r, DER_SEQUENCE);
    struct span type = der_read_oid(r);
    struct span value = der_read_tlv(r, &tag);
    der_read_leave(r);
    struct span *to = oid_is(type, OID_TPM_MANUFACTURER) ? &name->manufacturer
                      : oid_is(type, OID_TPM_MODEL)      ? &name->model
                      : oid_is(type, OID_TPM_VERSION)    ? &name->version
                                                         : NULL;
    if (to == NULL || !der_read_ok(r))
        return;
    if (to->len > 0 || !is_text(value) ||
        (tag != DER_UTF8_STRING && tag != DER_PRINTABLE_STRING && tag != DER_IA5_STRING))
        der_read_fail(r, "an attribute of the TPM is there twice, or no text");
    *to = value;
}

bool tpm_certificate_is_id(struct span text, size_t min, size_t max)
{
    struct span prefix = span_of("id:");
    struct span digits = span_slice(text, prefix.len, text.len);

    if (!span_equal(span_slice(text, 0, prefix.len), prefix) || digits.len < min ||
        digits.len > max)
        return false;
    for (size_t i = 0; i < digits.len; i++) {
        uint8_t d = digits.data[i];
        if (!(d >= '0' && d <= '9') && !(d >= 'A' && d <= 'F') && !(d >= 'a' && d <= 'f'))
            return false;
    }
    return true;
}

bool tpm_certificate_name_is_good(const struct tpm_certificate_name *name)
{
    return tpm_certificate_is_id(name->manufacturer, TPM_CERTIFICATE_ID_DIGITS,
                                 TPM_CERTIFICATE_ID_DIGITS) &&
           tpm_certificate_is_id(name->version, 1, TPM_CERTIFICATE_VERSION_DIGITS);
}

bool tpm_certificate_name_read(struct span name, struct tpm_certificate_name *read)
{
    struct tpm_certificate_name found = {0};
    struct der_reader r = der_read_start(name, NAME_DEPTH);

    der_read_enter(&r, DER_SEQUENCE);
    while (der_read_more(&r)) {
        der_read_enter(&r, DER_SET);
        while (der_read_more(&r))
            take_attribute(&r, &found);
        der_read_leave(&r);
    }
    der_read_leave(&r);
    if (!der_read_ok(&r) || der_read_more(&r) || found.manufacturer.len == 0 ||
        found.model.len == 0 || found.version.len == 0)
        return false;
    *read = found;
    return true;
}

static void write_attribute(struct der_writer *w, enum oid type, struct span value)
{
    size_t mark = der_write_mark(w);

    der_write_element(w, DER_UTF8_STRING, value);
    oid_write(w, type);
    der_write_wrap(w, DER_SEQUENCE, mark);
    der_write_wrap(w, DER_SET, mark);
}

void tpm_certificate_name_write(struct der_writer *w,
                                const struct tpm_certificate_name *name)
{
    size_t mark = der_write_mark(w);

    write_attribute(w, OID_TPM_VERSION, name->version);
    write_attribute(w, OID_TPM_MODEL, name->model);
    write_attribute(w, OID_TPM_MANUFACTURER, name->manufacturer);
    der_write_wrap(w, DER_SEQUENCE, mark);
    der_write_wrap(w, DER_DIRECTORY_NAME, mark);
}

/* ---- certificates of endorsement keys ---- */

/* The value of the subjectAltName; empty if there is none. certificate_read has seen that
 * all of it can be read. */
static struct span alternative_names(const struct certificate *c)
{
    struct der_reader r = der_read_start(c->tbs, NAME_DEPTH);
    struct span found = {0};

    der_read_enter(&r, DER_SEQUENCE);
    while (der_read_more(&r) && der_read_peek(&r) != DER_CONTEXT_CONSTRUCTED(3))
        (void)der_read_tlv(&r, NULL);
    der_read_enter(&r, DER_CONTEXT_CONSTRUCTED(3));
    der_read_enter(&r, DER_SEQUENCE);
    while (der_read_more(&r)) {
        der_read_enter(&r, DER_SEQUENCE);
        struct span id = der_read_oid(&r);
        if (der_read_peek(&r) == DER_BOOLEAN)
            (void)der_read_boolean(&r);
        struct span value = der_read_expect(&r, DER_OCTET_STRING);
        der_read_leave(&r);
        if (oid_is(id, OID_SUBJECT_ALTERNATIVE_NAME))
            found = value;
    }
    return der_read_ok(&r) ? found : span_make(NULL, 0);
}

/* 3.5.6: the first directoryName that has all of it. */
static bool find_name(const struct certificate *c, struct tpm_certificate_name *name)
{
    struct der_reader r = der_read_start(alternative_names(c), 1);
    uint8_t tag = 0;

    der_read_enter(&r, DER_SEQUENCE);
    while (der_read_more(&r)) {
        struct span value = der_read_tlv(&r, &tag);
        if (tag == DER_DIRECTORY_NAME && tpm_certificate_name_read(value, name))
            return true;
    }
    return false;
}

static bool has_purpose(const struct certificate *c)
{
    struct der_reader r = der_read_start(c->extended_key_usage, 1);
    bool found = false;

    der_read_enter(&r, DER_SEQUENCE);
    while (der_read_more(&r))
        found = oid_is(der_read_oid(&r), OID_EK_CERTIFICATE) || found;
    return found && der_read_ok(&r);
}

/* RFC 4055 4.1: a key that is for encryption only has an algorithm of its own. OpenSSL
 * reads no such key, so it verifies no chain of it. */
static bool is_oaep(struct span spki)
{
    static const uint8_t oaep[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x07};
    struct der_reader r = der_read_start(spki, 2);

    der_read_enter(&r, DER_SEQUENCE);
    der_read_enter(&r, DER_SEQUENCE);
    return span_equal(der_read_oid(&r), span_make(oaep, sizeof oaep));
}

/* 3.5.4: keyEncipherment of RSA keys, keyAgreement of others. */
static enum err check_key_usage(const struct certificate *c, enum key_type type,
                                struct err_info *why)
{
    const uint32_t wanted = type == KEY_RSA ? KEY_ENCIPHERMENT : KEY_AGREEMENT;

    if (c->key_usage.len == 0)
        return ERR_OK;
    struct der_reader r = der_read_start(c->key_usage, 1);
    if ((der_read_named_bits(&r) & wanted) == 0)
        return err_set(why, ERR_BAD_ATTESTATION_STATEMENT,
                       "the EK certificate's key usage lacks %s",
                       type == KEY_RSA ? "keyEncipherment" : "keyAgreement");
    return ERR_OK;
}

enum err tpm_certificate_ek_read(struct arena *a, struct span der,
                                 struct tpm_certificate_ek *ek, struct err_info *why)
{
    struct tpm_certificate_ek read = {0};
    struct certificate *c = NULL;
    AUTO(key) struct key *key = NULL;

    if (certificate_read(a, der, &c, why) != ERR_OK)
        return err_prefix(why, "the EK certificate");
    read.certificate = c;
    read.spki = c->spki;
    if (is_oaep(c->spki))
        return err_set(why, ERR_BAD_ATTESTATION_STATEMENT,
                       "the EK certificate's key is marked for RSAES-OAEP alone (RFC "
                       "4055 4.1), and such are not taken");
    if (key_from_spki(read.spki, &key, why) != ERR_OK)
        return err_prefix(why, "the EK certificate");
    if (c->is_ca)
        return err_set(why, ERR_BAD_ATTESTATION_STATEMENT,
                       "the EK certificate is one of a CA");
    if (!has_purpose(c))
        return err_set(why, ERR_BAD_ATTESTATION_STATEMENT,
                       "the EK certificate's extended key usage lacks "
                       "tcg-kp-EKCertificate (2.23.133.8.1)");
    TRY(check_key_usage(c, key_type(key), why));
    if (!find_name(c, &read.name) || !tpm_certificate_name_is_good(&read.name))
        return err_set(why, ERR_BAD_ATTESTATION_STATEMENT,
                       "the EK certificate's subjectAltName does not name the TPM's "
                       "manufacturer, model and version as id: and digits");
    *ek = read;
    return ERR_OK;
}
