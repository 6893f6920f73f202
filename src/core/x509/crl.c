/* Certificate revocation lists, read. */
#include "core/x509/crl.h"

#include <string.h>

#define DEPTH           8
#define AKI_KEY_ID      0x80
#define URL             0x86 /* GeneralName */
#define POINT_USER      0x81
#define POINT_CA        0x82
#define POINT_REASONS   0x83
#define POINT_INDIRECT  0x84
#define POINT_ATTRIBUTE 0x85
#define REASON_MAX      10 /* RFC 5280 5.3.1 */

static struct crl_extension read_extension(struct der_reader *r)
{
    struct crl_extension e = {0};

    der_read_enter(r, DER_SEQUENCE);
    e.id = der_read_oid(r);
    if (der_read_peek(r) == DER_BOOLEAN) {
        e.critical = der_read_boolean(r);
        if (!e.critical)
            der_read_fail(r, "a default value is written out");
    }
    e.value = der_read_expect(r, DER_OCTET_STRING);
    der_read_leave(r);
    return e;
}

static void read_extensions(struct der_reader *r, struct crl *crl)
{
    if (!der_read_enter_optional(r, DER_CONTEXT_CONSTRUCTED(0)))
        return;
    der_read_enter(r, DER_SEQUENCE);
    if (!der_read_more(r))
        der_read_fail(r, "extensions that are none");
    while (der_read_more(r)) {
        struct crl_extension e = read_extension(r);
        if (crl->extension_count == CRL_EXTENSIONS_MAX)
            der_read_fail(r, "there are too many extensions");
        else
            crl->extensions[crl->extension_count++] = e;
    }
    der_read_leave(r);
    der_read_leave(r);
}

const struct crl_extension *crl_find(const struct crl *crl, enum oid oid)
{
    for (size_t i = 0; i < crl->extension_count; i++)
        if (oid_is(crl->extensions[i].id, oid))
            return &crl->extensions[i];
    return NULL;
}

/* A flag of the point, DEFAULT FALSE, so that only TRUE is written. */
static bool read_flag(struct der_reader *r, uint8_t tag)
{
    struct span content = {0};

    if (!der_read_optional(r, tag, &content))
        return false;
    if (content.len != 1 || content.data[0] != 0xff)
        der_read_fail(r, "a flag that is not TRUE");
    return true;
}

/* DistributionPointName: URLs of a fullName, nothing else. */
static void read_urls(struct der_reader *r, struct crl *crl)
{
    der_read_enter(r, DER_CONTEXT_CONSTRUCTED(0));
    if (!der_read_more(r))
        der_read_fail(r, "a name that is empty");
    while (der_read_more(r)) {
        struct span url = der_read_expect(r, URL);
        if (crl->url_count == CRL_URLS_MAX)
            der_read_fail(r, "there are too many URLs");
        else
            crl->urls[crl->url_count++] = url;
    }
    der_read_leave(r);
}

static enum err read_point(struct crl *crl, struct err_info *why)
{
    const struct crl_extension *e = crl_find(crl, OID_ISSUING_DISTRIBUTION_POINT);

    if (e == NULL)
        return ERR_OK;
    struct der_reader r = der_read_start(e->value, DEPTH);
    crl->has_point = true;
    der_read_enter(&r, DER_SEQUENCE);
    if (der_read_enter_optional(&r, DER_CONTEXT_CONSTRUCTED(0))) {
        read_urls(&r, crl);
        der_read_leave(&r);
    }
    struct span reasons = {0};
    crl->only_user_certificates = read_flag(&r, POINT_USER);
    crl->only_ca_certificates = read_flag(&r, POINT_CA);
    crl->only_some_reasons = der_read_optional(&r, POINT_REASONS, &reasons);
    crl->indirect = read_flag(&r, POINT_INDIRECT);
    crl->only_attribute_certificates = read_flag(&r, POINT_ATTRIBUTE);
    der_read_leave(&r);
    return der_read_finish(&r, ERR_MALFORMED, "the issuing distribution point", why);
}

static enum err read_number(struct crl *crl, struct err_info *why)
{
    const struct crl_extension *e = crl_find(crl, OID_CRL_NUMBER);

    if (e == NULL)
        return ERR_OK;
    struct der_reader r = der_read_start(e->value, DEPTH);
    crl->number = der_read_unsigned(&r);
    crl->has_number = true;
    return der_read_finish(&r, ERR_MALFORMED, "the CRL number", why);
}

static enum err read_key_id(struct crl *crl, struct err_info *why)
{
    const struct crl_extension *e = crl_find(crl, OID_AUTHORITY_KEY_IDENTIFIER);

    if (e == NULL)
        return ERR_OK;
    struct der_reader r = der_read_start(e->value, DEPTH);
    der_read_enter(&r, DER_SEQUENCE);
    (void)der_read_optional(&r, AKI_KEY_ID, &crl->key_id);
    der_read_leave(&r);
    return der_read_finish(&r, ERR_MALFORMED, "the authority key identifier", why);
}

enum err crl_read_tbs(struct span tbs, struct crl *crl, struct err_info *why)
{
    struct der_reader r = der_read_start(tbs, DEPTH);
    struct crl made = {.tbs = tbs};

    der_read_enter(&r, DER_SEQUENCE);
    if (der_read_small(&r, 1) != 1)
        der_read_fail(&r, "the version is not 2");
    made.signature_kind = oid_read_signature(&r);
    made.issuer = der_read_element(&r);
    made.this_update = der_read_time(&r);
    made.has_next_update =
        der_read_peek(&r) == DER_UTC_TIME || der_read_peek(&r) == DER_GENERALIZED_TIME;
    if (made.has_next_update)
        made.next_update = der_read_time(&r);
    made.has_revoked = der_read_optional(&r, DER_SEQUENCE, &made.revoked);
    read_extensions(&r, &made);
    der_read_leave(&r);
    TRY(der_read_finish(&r, ERR_MALFORMED, "the revocation list", why));
    TRY(read_number(&made, why));
    TRY(read_key_id(&made, why));
    TRY(read_point(&made, why));
    *crl = made;
    return ERR_OK;
}

enum err crl_read(struct span der, struct crl *crl, struct err_info *why)
{
    struct der_reader r = der_read_start(der, DEPTH);
    struct crl made = {0};

    der_read_enter(&r, DER_SEQUENCE);
    struct span tbs = der_read_element(&r);
    enum key_signature kind = oid_read_signature(&r);
    struct span signature = der_read_bits(&r);
    der_read_leave(&r);
    TRY(der_read_finish(&r, ERR_MALFORMED, "the revocation list", why));
    TRY(crl_read_tbs(tbs, &made, why));
    if (made.signature_kind != kind)
        return err_set(
            why, ERR_MALFORMED,
            "the revocation list: two signature algorithms (RFC 5280 5.1.1.2)");
    made.signature = signature;
    *crl = made;
    return ERR_OK;
}

struct der_reader crl_entries(const struct crl *crl)
{
    return der_read_start(crl->revoked, DEPTH);
}

static void read_entry_extension(struct der_reader *r, struct crl_entry *entry)
{
    struct crl_extension e = read_extension(r);

    if (!oid_is(e.id, OID_CRL_REASON) || e.critical || entry->reason != CRL_NO_REASON) {
        entry->has_others = true;
        return;
    }
    if (e.value.len != 3 || e.value.data[0] != DER_ENUMERATED || e.value.data[1] != 1 ||
        e.value.data[2] > REASON_MAX)
        der_read_fail(r, "a reason that is none");
    else
        entry->reason = e.value.data[2];
}

bool crl_entry_next(struct der_reader *r, struct crl_entry *entry)
{
    struct crl_entry made = {.reason = CRL_NO_REASON};

    if (!der_read_more(r))
        return false;
    der_read_enter(r, DER_SEQUENCE);
    made.serial = der_read_integer(r);
    made.revoked_at = der_read_time(r);
    if (der_read_enter_optional(r, DER_SEQUENCE)) {
        if (!der_read_more(r))
            der_read_fail(r, "extensions that are none");
        while (der_read_more(r))
            read_entry_extension(r, &made);
        der_read_leave(r);
    }
    der_read_leave(r);
    if (!der_read_ok(r))
        return false;
    *entry = made;
    return true;
}
