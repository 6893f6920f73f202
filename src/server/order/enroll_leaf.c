/* Certificates of attestation keys. */
#include "server/order/enroll_leaf.h"

#include <string.h>

#include "core/attest/attest.h"
#include "core/base/text.h"
#include "core/x509/oid.h"
#include "server/issue/publication.h"
#include "server/issue/template_attestation.h"
#include "server/store/store_device.h"

/* ---- who it is ---- */

static enum err check_blocked(const struct store_device *device, struct err_info *why)
{
    if (device->blocked == 0)
        return ERR_OK;
    return err_set(why, ERR_UNAUTHORIZED, "the device \"%s\" is blocked",
                   device->identifier.value);
}

/* A name of its own: blocked by that, it is no better than one of the inventory. */
static enum err by_hash(struct store_session *session, struct arena *a,
                        const uint8_t *hash, struct store_identifier *device,
                        struct err_info *why)
{
    char *hex = arena_get(a, 2 * HASH_SHA256_SIZE + 1);
    struct store_device *row = NULL;

    text_hex(hex, hash, HASH_SHA256_SIZE);
    const struct store_identifier own = {IDENTIFIER_PERMANENT_IDENTIFIER, hex};
    enum err result = store_device_find(session, a, &own, &row, why);
    if (result == ERR_OK)
        TRY(check_blocked(row, why));
    else if (result != ERR_NOT_FOUND)
        return result;
    *device = own;
    return ERR_OK;
}

enum err enroll_leaf_device(struct store_session *session, struct arena *a,
                            const struct settings *s,
                            const struct store_enrollment *enrollment, const char *doubt,
                            struct store_identifier *device, struct err_info *why)
{
    struct store_device_key key = {.kind = ATTEST_KNOWN_EK};
    struct store_device *rows = NULL;
    char hex[2 * HASH_SHA256_SIZE + 1];
    size_t count = 0;

    memcpy(key.sha256, enrollment->ek_hash, sizeof key.sha256);
    TRY(store_device_by_key(session, a, &key, &rows, &count, why));
    for (size_t i = 0; i < count; i++)
        TRY(check_blocked(&rows[i], why));
    if (count > 0) {
        *device = rows[0].identifier;
        for (size_t i = 1; i < count; i++)
            if (rows[i].identifier.type == IDENTIFIER_PERMANENT_IDENTIFIER)
                *device = rows[i].identifier;
        return ERR_OK;
    }
    if (s->ak_identity_by_ek && enrollment->certified)
        return by_hash(session, a, enrollment->ek_hash, device, why);
    text_hex(hex, enrollment->ek_hash, HASH_SHA256_SIZE);
    if (!s->ak_identity_by_ek)
        return err_set(why, ERR_UNAUTHORIZED,
                       "no device of the inventory has the endorsement key %s", hex);
    return err_set(why, ERR_UNAUTHORIZED,
                   "no device of the inventory has the endorsement key %s, and no maker "
                   "vouches for it: %s",
                   hex, doubt);
}

/* ---- what it gets ---- */

static struct template_urls one_url(struct arena *a, const char *url)
{
    const char **list = arena_get(a, sizeof *list);

    *list = url;
    return (struct template_urls){list, url != NULL};
}

static void set_times(const struct settings *s, const struct template_issuer *issuer,
                      int64_t now, struct template_leaf *leaf)
{
    leaf->not_before = now - s->certificate_backdate / 1000;
    if (leaf->not_before < issuer->not_before)
        leaf->not_before = issuer->not_before;
    leaf->not_after = leaf->not_before + s->ak_lifetime / 1000 - 1;
    if (leaf->not_after > issuer->not_after)
        leaf->not_after = issuer->not_after;
}

enum err enroll_leaf_write(struct arena *a, const struct settings *s,
                           const struct issuer *issuer,
                           const struct store_enrollment *enrollment,
                           const struct store_identifier *device, const struct key *key,
                           int64_t now, struct store_issuance *issuance,
                           struct err_info *why)
{
    const struct template_issuer *from = &issuer->template;
    const struct span usage = oid_octets(OID_AK_CERTIFICATE);
    struct template_attestation of = {
        .tpm = {span_of(enrollment->manufacturer), span_of(enrollment->model),
                span_of(enrollment->version)},
        .device = {(enum identifier_type)device->type, device->value}};
    struct template_leaf leaf = {.spki = key_spki(key),
                                 .key_type = key_type(key),
                                 .key_usage = TEMPLATE_USAGE_DIGITAL_SIGNATURE,
                                 .usages = {&usage, 1}};

    memcpy(of.ek_sha256, enrollment->ek_hash, sizeof of.ek_sha256);
    TRY(template_attestation_names(a, &of, &leaf.general_names, why));
    set_times(s, from, now, &leaf);
    if (now < from->not_before || leaf.not_after <= now)
        return err_set(why, ERR_UNAVAILABLE,
                       "the issuing certificate is not valid at the moment");
    serial_make(now, leaf.serial);
    issuance->shard = publication_shard(s, span_make(leaf.serial, SERIAL_SIZE));
    leaf.crl_urls = one_url(a, publication_crl_url(a, s, from->key_id, issuance->shard));
    leaf.issuer_urls = one_url(a, publication_issuer_url(a, s, from->key_id));
    leaf.ocsp_urls = one_url(a, publication_ocsp_url(a, s, from->key_id));
    TRY(template_leaf_write(a, from, &leaf, &issuance->tbs, why));
    memcpy(issuance->serial, leaf.serial, SERIAL_SIZE);
    issuance->serial_len = SERIAL_SIZE;
    memcpy(issuance->issuer, from->key_id.data, from->key_id.len);
    issuance->issuer_len = from->key_id.len;
    issuance->directory = enrollment->directory;
    issuance->begun = now;
    issuance->not_after = leaf.not_after;
    hash_sha256(leaf.spki, issuance->key_hash);
    return ERR_OK;
}
