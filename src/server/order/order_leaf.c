/* The certificate of an order, before it is signed. */
#include "server/order/order_leaf.h"

#include <string.h>

#include "core/acme/identifier_device.h"
#include "core/base/random.h"
#include "core/crypto/hash.h"
#include "core/jose/jwk.h"
#include "server/issue/publication.h"

#define BACKDATE_MAX                                                                     \
    (47 * 3600LL) /* seconds: an hour less than 48, until it is signed                   \
                   */
#define TIME_STAMPING "1.3.6.1.5.5.7.3.8"

/* Was the order asked to begin longer ago than the Baseline Requirements 7.1.2.7 let a
 * certificate begin? The time between is gone: what is asked for can be had from now on.
 * X-TLS-1 */
static bool is_past(const struct settings_profile *profile, int64_t not_before,
                    int64_t now)
{
    return profile->baseline && not_before < now - BACKDATE_MAX;
}

/* Both ends count (RFC 5280 4.1.2.5). */
struct order_leaf_times order_leaf_times(const struct order_leaf_rules *rules,
                                         const struct store_order *order, int64_t now)
{
    const struct template_issuer *issuer = rules->issuer;
    struct order_leaf_times times = {.not_before =
                                         now - rules->profile->backdate_seconds};

    if (order->not_before != 0 && !is_past(rules->profile, order->not_before, now))
        times.not_before = order->not_before;
    if (times.not_before < issuer->not_before)
        times.not_before = issuer->not_before;
    times.not_after =
        times.not_before + settings_profile_lifetime(rules->profile, now) - 1;
    if (times.not_after > issuer->not_after)
        times.not_after = issuer->not_after;
    if (order->not_after != 0)
        times.not_after = order->not_after;
    return times;
}

/* A name of nobody in particular: a random UUID (RFC 9562 5.4). */
static const char *nobody(struct arena *a)
{
    uint8_t r[16];

    random_fill(r, sizeof r);
    r[6] = (uint8_t)((r[6] & 0x0fU) | 0x40U);
    r[8] = (uint8_t)((r[8] & 0x3fU) | 0x80U);
    return arena_printf(a,
                        "urn:uuid:%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-"
                        "%02x%02x%02x%02x%02x%02x",
                        r[0], r[1], r[2], r[3], r[4], r[5], r[6], r[7], r[8], r[9], r[10],
                        r[11], r[12], r[13], r[14], r[15]);
}

/* The order's identifiers in the certificate, but for those of devices where the profile
 * keeps them to itself. */
static enum err set_names(struct arena *a, const struct settings_profile *profile,
                          const struct store_order *order, struct template_leaf *leaf,
                          struct err_info *why)
{
    size_t count = order->identifier_count;
    const char **names = arena_array(a, count, sizeof *names);
    struct span *addresses = arena_array(a, count, sizeof *addresses);
    struct device_name *devices = arena_array(a, count, sizeof *devices);

    for (size_t i = 0; i < count; i++) {
        struct identifier one = {(enum identifier_type)order->identifiers[i].type,
                                 order->identifiers[i].value};
        struct address *address = NULL;
        switch (one.type) {
        case IDENTIFIER_DNS:
            names[leaf->dns_name_count++] = one.value;
            continue;
        case IDENTIFIER_PERMANENT_IDENTIFIER:
        case IDENTIFIER_HARDWARE_MODULE:
            if (!profile->device_privacy)
                devices[leaf->device_count++] = identifier_device_name(a, &one);
            continue;
        default:
            address = arena_get(a, sizeof *address);
            if (!identifier_address(&one, address))
                return err_set(why, ERR_INTERNAL, "the order has an unknown identifier");
            addresses[leaf->address_count++] = address_octets(address);
        }
    }
    leaf->dns_names = names;
    leaf->addresses = addresses;
    leaf->devices = devices;
    if (leaf->dns_name_count + leaf->address_count + leaf->device_count == 0)
        leaf->uri = nobody(a); /* X-DEV-5: something must be there */
    return ERR_OK;
}

/* What was promised for an order that is renewed yields to what is allowed by now. */
static void keep_maximum(const struct settings_profile *profile, int64_t now,
                         struct template_leaf *leaf)
{
    int64_t last = leaf->not_before + settings_profile_lifetime(profile, now) - 1;

    if (profile->baseline && leaf->not_after > last)
        leaf->not_after = last;
}

/* A copy of one of the DNS names (X-TLS-7), of `wanted` or the first that is short
 * enough; NULL: there is none. An address in a request's common name is passed over. */
static const char *common_name(const struct template_leaf *leaf, const char *wanted)
{
    for (size_t i = 0; i < leaf->dns_name_count; i++) {
        const char *name = leaf->dns_names[i];
        if (strlen(name) <= SETTINGS_COMMON_NAME_MAX &&
            (wanted == NULL || strcmp(name, wanted) == 0))
            return name;
    }
    return NULL;
}

/* The value of the order's first device, or the one that is `wanted`, if it is short
 * enough; NULL: there is none. S-DA-12 */
static const char *device_common_name(const struct store_order *order, const char *wanted)
{
    for (size_t i = 0; i < order->identifier_count; i++) {
        const char *value = order->identifiers[i].value;
        if (terms_is_device((enum identifier_type)order->identifiers[i].type) &&
            strlen(value) <= SETTINGS_COMMON_NAME_MAX &&
            (wanted == NULL || strcmp(value, wanted) == 0))
            return value;
    }
    return NULL;
}

static const char *device_subject(const struct order_leaf_rules *rules,
                                  const struct store_order *order,
                                  const struct template_leaf *leaf)
{
    const struct settings_profile *profile = rules->profile;
    const struct csr_checked *csr = rules->csr;
    const char *found = NULL;

    switch (profile->device_subject_rule) {
    case SETTINGS_DEVICE_SUBJECT_TEMPLATE:
        return profile->device_privacy ? NULL : device_common_name(order, NULL);
    case SETTINGS_DEVICE_SUBJECT_CSR:
        if (csr == NULL || csr->common_name == NULL)
            return NULL;
        if (!profile->device_privacy)
            found = device_common_name(order, csr->common_name_sent);
        return found != NULL ? found : common_name(leaf, csr->common_name);
    default:
        return NULL;
    }
}

static bool has_device(const struct store_order *order)
{
    for (size_t i = 0; i < order->identifier_count; i++)
        if (terms_is_device((enum identifier_type)order->identifiers[i].type))
            return true;
    return false;
}

/* What the profile says, and what the request asks for as far as the profile allows it:
 * resource/finalize has refused the rest. */
static void follow_profile(const struct order_leaf_rules *rules,
                           const struct store_order *order, struct template_leaf *leaf)
{
    const struct settings_profile *profile = rules->profile;
    const struct csr_checked *csr = rules->csr;

    leaf->usages =
        (struct template_oids){profile->usage_oids.contents, profile->usage_oids.count};
    leaf->usages_critical = settings_profile_uses(profile, TIME_STAMPING);
    leaf->policies =
        (struct template_oids){profile->policy_oids.contents, profile->policy_oids.count};
    leaf->key_usage = settings_profile_key_usage(profile, leaf->key_type);
    leaf->no_rev_avail = profile->no_rev_avail;
    leaf->without_key_id = profile->baseline;
    leaf->must_staple = profile->must_staple_rule == SETTINGS_MUST_STAPLE_ALWAYS ||
                        (profile->must_staple_rule == SETTINGS_MUST_STAPLE_ALLOW &&
                         csr != NULL && csr->must_staple);
    if (has_device(order))
        leaf->common_name = device_subject(rules, order, leaf);
    else if (profile->common_name_rule == SETTINGS_COMMON_NAME_FIRST)
        leaf->common_name = common_name(leaf, NULL);
    else if (profile->common_name_rule == SETTINGS_COMMON_NAME_CSR && csr != NULL &&
             csr->common_name != NULL)
        leaf->common_name = common_name(leaf, csr->common_name);
}

/* The profile's URLs, or the one where this CA publishes by itself (NULL: nowhere). */
static struct template_urls urls(struct arena *a, const struct settings_urls *from,
                                 const char *own)
{
    const char **list = arena_get(a, sizeof *list);

    if (!from->own)
        return (struct template_urls){from->list, from->count};
    *list = own;
    return (struct template_urls){list, own != NULL};
}

static void add_urls(struct arena *a, const struct order_leaf_rules *rules, int64_t shard,
                     struct template_leaf *leaf)
{
    const struct settings *s = rules->settings;
    struct span issuer = rules->issuer->key_id;

    leaf->crl_urls =
        urls(a, &rules->profile->crl, publication_crl_url(a, s, issuer, shard));
    leaf->issuer_urls =
        urls(a, &rules->profile->issuers, publication_issuer_url(a, s, issuer));
    leaf->ocsp_urls = urls(a, &rules->profile->ocsp, publication_ocsp_url(a, s, issuer));
}

enum err order_leaf_write(struct arena *a, const struct order_leaf_rules *rules,
                          const struct store_order *order, const struct key *key,
                          struct order_leaf_times times, int64_t now,
                          struct store_issuance *issuance, struct err_info *why)
{
    const struct template_issuer *issuer = rules->issuer;
    struct template_leaf leaf = {.not_before = times.not_before,
                                 .not_after = times.not_after,
                                 .spki = key_spki(key),
                                 .key_type = key_type(key),
                                 .poison = rules->profile->ct_required};

    TRY(set_names(a, rules->profile, order, &leaf, why));
    follow_profile(rules, order, &leaf);
    keep_maximum(rules->profile, now, &leaf);
    if (now < issuer->not_before)
        return err_set(why, ERR_UNAVAILABLE,
                       "the clock of this CA is wrong: its issuing certificate is not "
                       "valid yet");
    if (leaf.not_after <= now)
        return err_set(why, ERR_UNAVAILABLE, "the issuing certificate has expired");
    serial_make(now, leaf.serial);
    issuance->shard =
        publication_shard(rules->settings, span_make(leaf.serial, SERIAL_SIZE));
    add_urls(a, rules, issuance->shard, &leaf);
    TRY(template_leaf_write(a, issuer, &leaf, &issuance->tbs, why));
    issuance->order_id = order->id;
    issuance->account_id = order->account_id;
    memcpy(issuance->serial, leaf.serial, SERIAL_SIZE);
    issuance->serial_len = SERIAL_SIZE;
    memcpy(issuance->issuer, issuer->key_id.data, issuer->key_id.len);
    issuance->issuer_len = issuer->key_id.len;
    issuance->profile = rules->profile->name;
    issuance->directory = rules->directory;
    issuance->is_precertificate = leaf.poison;
    issuance->begun = now;
    issuance->not_after = leaf.not_after;
    hash_sha256(leaf.spki, issuance->key_hash);
    jwk_thumbprint(key, issuance->key_thumbprint);
    return ERR_OK;
}
