/* Profiles: what goes together, and what certificates of theirs are allowed. */
#include <string.h>

#include "core/acme/identifier.h"
#include "core/acme/terms.h"
#include "server/settings/settings_profile.h"

#define DAY_SECONDS 86400
#define SHORT_LIVED (7LL * DAY_SECONDS) /* X-TLS-16: BR 1.6.1, since 2026-03-15 */
#define HOUR_MS     (3600LL * 1000)

#define CODE                   "1.3.6.1.5.5.7.3.3"
#define EMAIL                  "1.3.6.1.5.5.7.3.4"
#define TIMESTAMPING           "1.3.6.1.5.5.7.3.8"
#define OCSP_SIGNING           "1.3.6.1.5.5.7.3.9"
#define ANY_USAGE              "2.5.29.37.0"
#define PRECERTIFICATE_SIGNING "1.3.6.1.4.1.11129.2.4.4"
#define ANY_POLICY             "2.5.29.32.0"
#define DOMAIN_VALIDATED       "2.23.140.1.2.1"

/* X-TLS-2: Baseline Requirements 6.3.2, by the time of issuance. */
static const struct {
    int64_t before; /* seconds */
    int days;
} maxima[] = {
    {1773532800, 398}, /* 2026-03-15 */
    {1805068800, 200}, /* 2027-03-15 */
    {1868227200, 100}, /* 2029-03-15 */
    {INT64_MAX, 47},
};

/* The longest lifetime the Baseline Requirements allow then. */
static int64_t maximum(int64_t issued)
{
    size_t i = 0;

    while (issued >= maxima[i].before)
        i++;
    return (int64_t)maxima[i].days * DAY_SECONDS;
}

int64_t settings_profile_lifetime(const struct settings_profile *profile, int64_t issued)
{
    int64_t most = profile->baseline ? maximum(issued) : INT64_MAX;

    return profile->lifetime_seconds < most ? profile->lifetime_seconds : most;
}

/* What keys of a type can be used for (RFC 3279 2.3.1, RFC 5480 3, RFC 8410 5, RFC 9881
 * 5). */
static unsigned int fitting(enum key_type type)
{
    switch (type) {
    case KEY_RSA:
        return SETTINGS_USAGE_DIGITAL_SIGNATURE | SETTINGS_USAGE_CONTENT_COMMITMENT |
               SETTINGS_USAGE_KEY_ENCIPHERMENT | SETTINGS_USAGE_DATA_ENCIPHERMENT;
    case KEY_P256:
    case KEY_P384:
    case KEY_P521:
        return SETTINGS_USAGE_DIGITAL_SIGNATURE | SETTINGS_USAGE_CONTENT_COMMITMENT |
               SETTINGS_USAGE_KEY_AGREEMENT;
    default:
        return SETTINGS_USAGE_DIGITAL_SIGNATURE | SETTINGS_USAGE_CONTENT_COMMITMENT;
    }
}

static const struct {
    const char *word;
    enum key_type type;
    int bits;
    bool baseline;
} keys[SETTINGS_KEY_COUNT] = {
#define KEY_TYPE(name, word, type, bits, baseline) {word, type, bits, baseline},
#include "server/settings/key_types.def"
#undef KEY_TYPE
};

static bool takes(const struct settings_profile *p, size_t key)
{
    return (p->key_types & 1U << key) != 0;
}

bool settings_profile_takes(const struct settings_profile *profile, enum key_type type,
                            int bits)
{
    for (size_t i = 0; i < SETTINGS_KEY_COUNT; i++)
        if (takes(profile, i) && keys[i].type == type &&
            (keys[i].bits == 0 || keys[i].bits == bits))
            return true;
    return false;
}

char *settings_profile_keys(struct arena *a, const struct settings_profile *profile)
{
    char *text = arena_string(a, "");

    for (size_t i = 0; i < SETTINGS_KEY_COUNT; i++)
        if (takes(profile, i))
            text = arena_printf(a, "%s%s%s", text, text[0] != '\0' ? ", " : "",
                                keys[i].word);
    return text;
}

/* For the web, signatures alone: both are not recommended (Baseline Requirements
 * 7.1.2.7.11). Devices do nothing else (X-DEV-2). */
static unsigned int ordinary_key_usage(const struct settings_profile *profile)
{
    return profile->baseline || settings_profile_has_devices(profile->identifier_types)
               ? SETTINGS_USAGE_DIGITAL_SIGNATURE
               : SETTINGS_USAGE_DIGITAL_SIGNATURE | SETTINGS_USAGE_KEY_ENCIPHERMENT;
}

uint8_t settings_profile_key_usage(const struct settings_profile *profile,
                                   enum key_type type)
{
    unsigned int usage =
        profile->key_usage != 0 ? profile->key_usage : ordinary_key_usage(profile);

    return (uint8_t)(usage & fitting(type));
}

static bool has(const struct settings_oids *oids, const char *dotted)
{
    for (size_t i = 0; i < oids->count; i++)
        if (strcmp(oids->texts[i], dotted) == 0)
            return true;
    return false;
}

bool settings_profile_uses(const struct settings_profile *profile, const char *dotted)
{
    return has(&profile->usage_oids, dotted);
}

/* ---- conditions of profile_rules.def ---- */

/* Is a key usage named that no key can have which is taken? */
static bool has_unfit_usage(const struct settings_profile *p)
{
    unsigned int usable = 0;

    for (size_t i = 0; i < SETTINGS_KEY_COUNT; i++)
        if (takes(p, i))
            usable |= fitting(keys[i].type);
    return (p->key_usage & ~usable) != 0;
}

/* Is a key taken that can have none of them? */
static bool has_unfit_key(const struct settings_profile *p)
{
    for (size_t i = 0; i < SETTINGS_KEY_COUNT; i++)
        if (takes(p, i) && settings_profile_key_usage(p, keys[i].type) == 0)
            return true;
    return false;
}

/* With each key that is taken, for each usage that is known? */
static bool usages_are_consistent(const struct settings_profile *p)
{
    static const struct {
        const char *dotted;
        unsigned int needs;
    } usages[] = {
#define USAGE(name, word, dotted, needs) {dotted, needs},
#include "server/settings/usages.def"
#undef USAGE
    };

    for (size_t i = 0; i < sizeof usages / sizeof usages[0]; i++)
        for (size_t j = 0; j < SETTINGS_KEY_COUNT; j++)
            if (takes(p, j) && settings_profile_uses(p, usages[i].dotted) &&
                (settings_profile_key_usage(p, keys[j].type) & usages[i].needs) == 0)
                return false;
    return true;
}

static bool has_other_usage(const struct settings_profile *p)
{
    return p->usage_oids.count > (size_t)p->for_server + (size_t)p->for_client;
}

static bool has_policy(const struct settings_profile *p, const char *dotted)
{
    return has(&p->policy_oids, dotted);
}

/* How many of the Baseline Requirements 7.1.6.1. */
static int reserved_policies(const struct settings_profile *p)
{
    return has_policy(p, DOMAIN_VALIDATED) + has_policy(p, "2.23.140.1.1") +
           has_policy(p, "2.23.140.1.2.2") + has_policy(p, "2.23.140.1.2.3");
}

static bool writes_common_name(const struct settings_profile *p)
{
    return p->common_name_rule == SETTINGS_COMMON_NAME_FIRST ||
           p->common_name_rule == SETTINGS_COMMON_NAME_CSR;
}

/* Will there be such a URL in the certificates, a listed one or this CA's own? */
static bool has_crl(const struct settings *s, const struct settings_profile *p)
{
    return p->crl.count > 0 || (p->crl.own && s->publish_base != NULL && s->crl_enabled);
}

static bool has_issuers(const struct settings *s, const struct settings_profile *p)
{
    return p->issuers.count > 0 || (p->issuers.own && s->publish_base != NULL);
}

static bool has_ocsp(const struct settings *s, const struct settings_profile *p)
{
    return p->ocsp.count > 0 ||
           (p->ocsp.own && s->publish_base != NULL && s->ocsp_enabled);
}

enum err settings_profile_rules(const struct settings *s,
                                const struct settings_profile *profile,
                                struct err_info *why)
{
    const struct settings_profile *p = profile;

#define RULE(option, condition, sentence)                                                \
    if (condition)                                                                       \
        return err_set(why, ERR_CONFIG, "%s: %s", option, sentence);
#define BASELINE(option, condition, sentence)                                            \
    RULE(option, p->baseline && (condition), sentence)
#define NOTE(option, condition, sentence)
#include "server/settings/profile_rules.def"
#undef RULE
#undef BASELINE
#undef NOTE
    return ERR_OK;
}

enum err settings_profile_now(const struct settings_profile *profile, int64_t now,
                              struct err_info *why)
{
    if (profile->baseline && profile->lifetime_seconds > maximum(now))
        return err_set(why, ERR_CONFIG,
                       "lifetime: it is longer than the %lldd that are allowed today (BR "
                       "6.3.2); certificates would end earlier than this says",
                       (long long)(maximum(now) / DAY_SECONDS));
    return ERR_OK;
}

const char *const *settings_profile_notes(struct arena *a, const struct settings *s,
                                          const struct settings_profile *profile,
                                          int64_t now, size_t *count)
{
    const struct settings_profile *p = profile;
    static const char *const sentences[] = {
#define RULE(option, condition, sentence)
#define BASELINE(option, condition, sentence)
#define NOTE(option, condition, sentence) option ": " sentence,
#include "server/settings/profile_rules.def"
#undef NOTE
    };
    const bool holds[] = {
#define NOTE(option, condition, sentence) condition,
#include "server/settings/profile_rules.def"
#undef RULE
#undef BASELINE
#undef NOTE
    };
    const char **notes = arena_array(a, sizeof holds, sizeof *notes);

    *count = 0;
    for (size_t i = 0; i < sizeof holds; i++)
        if (p->baseline && holds[i])
            notes[(*count)++] = arena_printf(a, "profiles.%s: %s", p->name, sentences[i]);
    return notes;
}
