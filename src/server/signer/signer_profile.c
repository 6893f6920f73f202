/* Profiles, from settings to what a certificate is held against. */
#include "server/signer/signer_profile.h"

#include "core/acme/terms.h"
#include "core/x509/oid.h"
#include "server/settings/settings_enrollment.h"
#include "server/signer/signer_points.h"

/* No size that is named by itself: a profile that takes it takes any. */
#define RSA_UNUSUAL 2056

#define NAMES_MOST 1000 /* of max_names in any settings */

#define WAITS      (INT64_C(48) * 3600) /* seconds */
#define SLOW_CLOCK INT64_C(3600)

#define USAGES 8 /* bits of a key usage's first octet */

/* Each kind of key there is, in the words of the settings. */
static const struct lint_key kinds[] = {
    {KEY_RSA, 2048},  {KEY_RSA, 3072},  {KEY_RSA, 4096},  {KEY_P256, 0},
    {KEY_P384, 0},    {KEY_P521, 0},    {KEY_ED25519, 0}, {KEY_MLDSA44, 0},
    {KEY_MLDSA65, 0}, {KEY_MLDSA87, 0},
};

static void add_keys(struct arena *a, const struct settings_profile *from,
                     struct lint_profile *to)
{
    struct lint_key *keys =
        arena_array(a, sizeof kinds / sizeof kinds[0] + 1, sizeof *keys);

    if (settings_profile_takes(from, KEY_RSA, RSA_UNUSUAL))
        keys[to->key_count++] = (struct lint_key){KEY_RSA, 0};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (settings_profile_takes(from, kinds[i].type, kinds[i].bits))
            keys[to->key_count++] = kinds[i];
    to->keys = keys;
}

/* Settings have the first bit of RFC 5280 4.2.1.3 in front, the lint at the end. */
static unsigned int key_usage(const struct settings_profile *from)
{
    unsigned int usage = 0;

    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        for (unsigned int bit = 0; bit < USAGES; bit++)
            if ((settings_profile_key_usage(from, kinds[i].type) & 0x80U >> bit) != 0)
                usage |= 1U << bit;
    return usage;
}

static enum lint_staple staple(enum settings_must_staple rule)
{
    switch (rule) {
    case SETTINGS_MUST_STAPLE_ALWAYS:
        return LINT_STAPLE_ALWAYS;
    case SETTINGS_MUST_STAPLE_ALLOW:
        return LINT_STAPLE_ALLOWED;
    default:
        return LINT_STAPLE_NEVER;
    }
}

static bool takes(const struct settings_profile *from, enum identifier_type type)
{
    return (from->identifier_types & 1U << (unsigned int)type) != 0;
}

static bool takes_devices(const struct settings_profile *from)
{
    return takes(from, IDENTIFIER_PERMANENT_IDENTIFIER) ||
           takes(from, IDENTIFIER_HARDWARE_MODULE);
}

static unsigned int name_types(const struct settings_profile *from)
{
    unsigned int types = 0;

    if (takes(from, IDENTIFIER_DNS))
        types |= LINT_NAMES_DNS;
    if (takes(from, IDENTIFIER_IP))
        types |= LINT_NAMES_ADDRESS;
    if (from->device_privacy)
        return types | LINT_NAMES_UUID;
    if (takes(from, IDENTIFIER_PERMANENT_IDENTIFIER))
        types |= LINT_NAMES_DEVICE;
    if (takes(from, IDENTIFIER_HARDWARE_MODULE))
        types |= LINT_NAMES_MODULE;
    return types;
}

static struct lint_profile of(struct arena *a, const struct settings_profile *from)
{
    struct lint_profile profile = {
        .name = from->name,
        .set = from->baseline ? LINT_SET_BR : LINT_SET_RFC5280,
        .lifetime = from->lifetime_seconds,
        .key_usage = key_usage(from),
        .usages = from->usage_oids.contents,
        .usage_count = from->usage_oids.count,
        .policies = from->policy_oids.contents,
        .policy_count = from->policy_oids.count,
        .names_most = (size_t)from->names_most,
        .common_name = from->common_name_rule == SETTINGS_COMMON_NAME_FIRST ||
                       from->common_name_rule == SETTINGS_COMMON_NAME_CSR ||
                       (takes_devices(from) &&
                        from->device_subject_rule != SETTINGS_DEVICE_SUBJECT_DROP),
        .device_privacy = from->device_privacy,
        .no_revocation = from->no_rev_avail,
        .staple = staple(from->must_staple_rule),
        .timestamps = from->ct_required};

    profile.name_types = name_types(from);
    add_keys(a, from, &profile);
    return profile;
}

/* The server's own certificate (front_tls.c): its names and a key it has just made. */
static struct lint_profile own(struct arena *a, const struct settings *s)
{
    static const struct lint_key p256 = {KEY_P256, 0};
    struct span *usage = arena_get(a, sizeof *usage);
    struct span *policy = arena_get(a, sizeof *policy);

    *usage = oid_octets(OID_SERVER_AUTH);
    *policy = oid_octets(OID_DOMAIN_VALIDATED);
    return (struct lint_profile){.name = "",
                                 .lifetime = s->certificate_lifetime / 1000,
                                 .keys = &p256,
                                 .key_count = 1,
                                 .key_usage = 1, /* digitalSignature */
                                 .usages = usage,
                                 .usage_count = 1,
                                 .policies = policy,
                                 .policy_count = 1,
                                 .names_most = s->dns_names.count,
                                 .name_types = LINT_NAMES_DNS,
                                 .names = s->dns_names.items,
                                 .name_count = s->dns_names.count};
}

/* Certificates of attestation keys (issue/template_attestation.h). */
static struct lint_profile attestation(struct arena *a, const struct settings *s)
{
    static const struct lint_key keys[] = {
        {KEY_RSA, 0}, {KEY_P256, 0}, {KEY_P384, 0}, {KEY_P521, 0}};
    struct span *usage = arena_get(a, sizeof *usage);

    *usage = oid_octets(OID_AK_CERTIFICATE);
    return (struct lint_profile){.name = LINT_PROFILE_ATTESTATION,
                                 .lifetime = s->ak_lifetime / 1000,
                                 .keys = keys,
                                 .key_count = sizeof keys / sizeof keys[0],
                                 .key_usage = 1, /* digitalSignature */
                                 .usages = usage,
                                 .usage_count = 1};
}

static struct lint_profile *make(struct arena *a, const struct settings *settings,
                                 size_t *count)
{
    struct lint_profile *made =
        arena_array(a, settings->profiles.count + 2, sizeof *made);
    size_t used = 0;

    made[used++] = own(a, settings);
    for (size_t i = 0; i < settings->profiles.count; i++)
        made[used++] = of(a, settings->profiles.members[i]);
    if (settings_enrollment_is_on(settings))
        made[used++] = attestation(a, settings);
    *count = used;
    return made;
}

static void bind_pointers(struct arena *a, const struct settings *settings,
                          const struct settings_profile *from, struct lint_profile *to)
{
    struct signer_points *points = arena_get(a, sizeof *points);

    *points = (struct signer_points){settings, from};
    to->pointers = signer_points_certificate;
    to->pointers_context = points;
}

/* An order says when its certificate is to begin, and may wait; what is asked for again,
 * or waits for logs, waits longer. One that renews itself has times of its own, which
 * overlap (RFC 8739). */
static void bind_begin(const struct settings *settings,
                       const struct settings_profile *from, struct lint_profile *to)
{
    int64_t backdate =
        from != NULL ? from->backdate_seconds : settings->certificate_backdate / 1000;

    to->bounded = true;
    to->begins_back = backdate + settings->order_lifetime / 1000 + WAITS;
    if (settings->star_enabled)
        to->begins_back += to->lifetime;
    to->begins_ahead = to->lifetime + SLOW_CLOCK;
}

void signer_profile_read(struct arena *a, const struct settings *settings,
                         const struct lint_profile **profiles, size_t *count)
{
    *profiles = make(a, settings, count);
}

void signer_profile_read_promised(struct arena *a, const struct settings *settings,
                                  const struct lint_profile **profiles, size_t *count)
{
    struct lint_profile *made = make(a, settings, count);

    for (size_t i = 0; i <= settings->profiles.count; i++) {
        const struct settings_profile *from =
            i > 0 ? settings->profiles.members[i - 1] : NULL;
        if (from != NULL) /* not the CA's own */
            made[i].names_most = NAMES_MOST;
        bind_pointers(a, settings, from, &made[i]);
        bind_begin(settings, from, &made[i]);
    }
    *profiles = made;
}
