/* Profiles: what a certificate is like. */
#include "server/settings/settings_profile.h"

#include <stdio.h>
#include <string.h>

#include "core/acme/terms.h"
#include "core/base/text.h"
#include "core/x509/oid.h"

#define LIFETIME_LEAST (5LL * 60 * 1000) /* as of certificate.lifetime */
#define WORDS_SIZE     128
#define BACKDATE_MOST  (24LL * 3600 * 1000)

#define SERVER "1.3.6.1.5.5.7.3.1"
#define CLIENT "1.3.6.1.5.5.7.3.2"

#define CHALLENGES_THERE_ARE                                                             \
    "http-01, dns-01, tls-alpn-01, dns-account-01, dns-persist-01 and device-attest-01"
#define IDENTIFIERS_THERE_ARE "dns, ip, permanent-identifier and hardware-module"

/* What is meant where nothing is said: no drafts, and so no devices either. */
static unsigned int usual_types(bool challenges)
{
    unsigned int bits = 0;

    for (unsigned int i = 0; challenges && i < CHALLENGE_TYPE_COUNT; i++)
        if (!terms_is_draft((enum challenge_type)i))
            bits |= 1U << i;
    for (unsigned int i = 0; !challenges && i < IDENTIFIER_TYPE_COUNT; i++)
        if (!terms_is_device((enum identifier_type)i))
            bits |= 1U << i;
    return bits;
}

bool settings_profile_has_devices(unsigned int identifier_types)
{
    return (identifier_types & (1U << IDENTIFIER_PERMANENT_IDENTIFIER |
                                1U << IDENTIFIER_HARDWARE_MODULE)) != 0;
}

/* Words of a list as bits; the usual ones for an empty one. */
enum err settings_profile_types(const struct config_list *list, bool challenges,
                                const char *option, unsigned int *bits,
                                struct err_info *why)
{
    *bits = list->count == 0 ? usual_types(challenges) : 0;
    for (size_t i = 0; i < list->count; i++) {
        enum challenge_type challenge = 0;
        enum identifier_type identifier = 0;
        bool known = challenges ? terms_read_challenge_type(list->items[i], &challenge)
                                : terms_read_identifier_type(list->items[i], &identifier);
        if (!known)
            return err_set(why, ERR_CONFIG, "%s: there is no type \"%s\"; there are %s",
                           option, list->items[i],
                           challenges ? CHALLENGES_THERE_ARE : IDENTIFIERS_THERE_ARE);
        *bits |= 1U << (challenges ? (unsigned int)challenge : (unsigned int)identifier);
    }
    return ERR_OK;
}

static enum err read_rules(struct settings_profile *profile, struct err_info *why)
{
    profile->baseline = strcmp(profile->rules, "br") == 0;
    if (!profile->baseline && strcmp(profile->rules, "rfc5280") != 0)
        return err_set(why, ERR_CONFIG, "rules: \"%s\" is neither rfc5280 nor br",
                       profile->rules);
    return ERR_OK;
}

enum err settings_profile_devices(const char *word, bool *known, struct err_info *why)
{
    *known = strcmp(word, "known") == 0;
    return *known || strcmp(word, "any") == 0
               ? ERR_OK
               : err_set(why, ERR_CONFIG, "devices: \"%s\" is neither any nor known",
                         word);
}

static enum err check_accounts(const struct settings_profile *profile,
                               struct err_info *why)
{
    uint64_t ignored;

    for (size_t i = 0; i < profile->accounts.count; i++)
        if (!text_number(span_of(profile->accounts.items[i]), INT64_MAX, &ignored))
            return err_set(why, ERR_CONFIG,
                           "accounts: \"%s\" is no number of an account, the end of its "
                           "URL",
                           profile->accounts.items[i]);
    if (profile->accounts.count > 0 && !profile->restricted)
        return err_set(why, ERR_CONFIG,
                       "accounts are listed, but restricted is not true: everybody could "
                       "use it");
    return ERR_OK;
}

/* The word's place in a table. */
static bool find_word(const char *const *words, size_t count, const char *word,
                      unsigned int *place)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(words[i], word) == 0) {
            *place = (unsigned int)i;
            return true;
        }
    }
    return false;
}

static enum err read_word(const char *option, const char *const *words, size_t count,
                          const char *word, unsigned int *place, struct err_info *why)
{
    char known[WORDS_SIZE] = "";

    if (find_word(words, count, word, place))
        return ERR_OK;
    for (size_t i = 0; i < count; i++) {
        size_t len = strlen(known);
        (void)snprintf(known + len, sizeof known - len, "%s%s", i > 0 ? ", " : "",
                       words[i]);
    }
    return err_set(why, ERR_CONFIG, "%s: \"%s\" is none of %s", option, word, known);
}

static enum err refuse_twice(const char *option, const char *word, struct err_info *why)
{
    return err_set(why, ERR_CONFIG, "%s: \"%s\" is there twice", option, word);
}

static bool is_none(const struct config_list *list)
{
    return list->count == 1 && strcmp(list->items[0], "none") == 0;
}

static enum err read_key_usages(struct settings_profile *p, struct err_info *why)
{
    static const char *const words[] = {
#define KEY_USAGE(name, word, bit) word,
#include "server/settings/key_usages.def"
#undef KEY_USAGE
    };
    static const uint8_t bits[] = {
#define KEY_USAGE(name, word, bit) bit,
#include "server/settings/key_usages.def"
#undef KEY_USAGE
    };

    for (size_t i = 0; i < p->key_usages.count; i++) {
        const char *word = p->key_usages.items[i];
        unsigned int place = 0;
        TRY(read_word("key_usages", words, sizeof bits, word, &place, why));
        if ((p->key_usage & bits[place]) != 0)
            return refuse_twice("key_usages", word, why);
        p->key_usage |= bits[place];
    }
    return ERR_OK;
}

static enum err read_key_types(struct settings_profile *p, struct err_info *why)
{
    static const char *const words[SETTINGS_KEY_COUNT] = {
#define KEY_TYPE(name, word, type, bits, baseline) word,
#include "server/settings/key_types.def"
#undef KEY_TYPE
    };
    static const bool allowed[SETTINGS_KEY_COUNT] = {
#define KEY_TYPE(name, word, type, bits, baseline) baseline,
#include "server/settings/key_types.def"
#undef KEY_TYPE
    };
    static const enum key_type types[SETTINGS_KEY_COUNT] = {
#define KEY_TYPE(name, word, type, bits, baseline) type,
#include "server/settings/key_types.def"
#undef KEY_TYPE
    };

    for (unsigned int i = 0; i < SETTINGS_KEY_COUNT; i++)
        if (p->key_types_listed.count == 0 && (!p->baseline || allowed[i]) &&
            key_type_is_there(types[i]))
            p->key_types |= 1U << i;
    for (size_t i = 0; i < p->key_types_listed.count; i++) {
        const char *word = p->key_types_listed.items[i];
        unsigned int place = 0;
        TRY(read_word("key_types", words, SETTINGS_KEY_COUNT, word, &place, why));
        if ((p->key_types & 1U << place) != 0)
            return refuse_twice("key_types", word, why);
        if (p->baseline && !allowed[place])
            return err_set(why, ERR_CONFIG,
                           "key_types: %s must not be among them (BR 6.1.5)", word);
        if (key_type_check(types[place], why) != ERR_OK) {
            why->code = ERR_CONFIG;
            return err_prefix(why, "key_types");
        }
        p->key_types |= 1U << place;
    }
    return ERR_OK;
}

/* Words and dotted texts as object identifiers. */
static enum err read_oids(struct arena *a, const char *option,
                          const struct config_list *list, bool have_words,
                          struct settings_oids *oids, struct err_info *why)
{
    static const struct {
        const char *word;
        const char *dotted;
    } words[] = {
#define USAGE(name, word, dotted, needs) {word, dotted},
#include "server/settings/usages.def"
#undef USAGE
    };
    const char **texts = arena_array(a, list->count, sizeof *texts);
    struct span *contents = arena_array(a, list->count, sizeof *contents);

    if (list->count > SETTINGS_OIDS_MAX)
        return err_set(why, ERR_CONFIG, "%s: at most %d", option, SETTINGS_OIDS_MAX);
    for (size_t i = 0; i < list->count; i++) {
        texts[i] = list->items[i];
        for (size_t j = 0; have_words && j < sizeof words / sizeof words[0]; j++)
            if (strcmp(words[j].word, list->items[i]) == 0)
                texts[i] = words[j].dotted;
        if (!oid_from_text(a, span_of(texts[i]), &contents[i]))
            return err_set(
                why, ERR_CONFIG,
                "%s: \"%s\" is no object identifier such as 1.3.6.1.5.5.7.3.17"
                "%s",
                option, list->items[i],
                have_words ? ", nor server, client, code, email or timestamping" : "");
        for (size_t j = 0; j < i; j++)
            if (strcmp(texts[i], texts[j]) == 0)
                return refuse_twice(option, list->items[i], why);
    }
    *oids = (struct settings_oids){texts, contents, list->count};
    return ERR_OK;
}

static enum err read_usages(struct arena *a, struct settings_profile *p,
                            struct err_info *why)
{
    TRY(read_oids(a, "usages", &p->usages, true, &p->usage_oids, why));
    if (p->usage_oids.count == 0)
        return err_set(why, ERR_CONFIG,
                       "usages: name at least one thing the certificates are for");
    p->for_server = settings_profile_uses(p, SERVER);
    p->for_client = settings_profile_uses(p, CLIENT);
    return ERR_OK;
}

static enum err read_policies(struct arena *a, struct settings_profile *p,
                              struct err_info *why)
{
    static const char *const validated[] = {"2.23.140.1.2.1"};
    struct config_list list = p->policies;

    if (list.count == 0 && p->for_server)
        list = (struct config_list){validated, 1};
    else if (is_none(&list))
        list.count = 0;
    return read_oids(a, "policies", &list, false, &p->policy_oids, why);
}

static enum err read_urls(const char *option, const struct config_list *list,
                          struct settings_urls *urls, struct err_info *why)
{
    *urls = (struct settings_urls){.own = list->count == 0};
    if (list->count == 0 || is_none(list))
        return ERR_OK;
    if (list->count > SETTINGS_URLS_MAX)
        return err_set(why, ERR_CONFIG, "%s: at most %d", option, SETTINGS_URLS_MAX);
    for (size_t i = 0; i < list->count; i++) {
        const char *url = list->items[i];
        if (strncmp(url, "https://", 8) == 0)
            return err_set(why, ERR_CONFIG,
                           "%s: \"%s\" must begin with http://, as a certificate would "
                           "have to be checked to fetch it (RFC 5280 8)",
                           option, url);
        if (!settings_is_web_url(url) || strlen(url) >= SETTINGS_URL_SIZE ||
            strlen(url) == 7 || url[7] == '/')
            return err_set(why, ERR_CONFIG,
                           "%s: \"%.*s\" is not a URL such as http://ca.example.test/x",
                           option, SETTINGS_URL_SIZE / 2, url);
        for (size_t j = 0; j < i; j++)
            if (strcmp(url, list->items[j]) == 0)
                return refuse_twice(option, url, why);
    }
    urls->list = list->items;
    urls->count = list->count;
    return ERR_OK;
}

static enum err read_all_urls(struct settings_profile *p, struct err_info *why)
{
    TRY(read_urls("crl_urls", &p->crl_urls, &p->crl, why));
    TRY(read_urls("issuer_urls", &p->issuer_urls, &p->issuers, why));
    TRY(read_urls("ocsp_urls", &p->ocsp_urls, &p->ocsp, why));
    if (p->no_rev_avail) /* RFC 9608 4 */
        p->crl.own = p->ocsp.own = false;
    return ERR_OK;
}

static enum err read_choices(struct settings_profile *p, struct err_info *why)
{
    static const char *const names[] = {"none", "first", "csr", "refuse"};
    static const char *const staples[] = {"never", "allow", "always"};
    static const char *const subjects[] = {"csr", "template", "drop"};
    unsigned int place = 0;

    TRY(read_word("common_name", names, 4, p->common_name, &place, why));
    p->common_name_rule = (enum settings_common_name)place;
    TRY(read_word("must_staple", staples, 3, p->must_staple, &place, why));
    p->must_staple_rule = (enum settings_must_staple)place;
    TRY(read_word("device_subject", subjects, 3, p->device_subject, &place, why));
    p->device_subject_rule = (enum settings_device_subject)place;
    return ERR_OK;
}

static enum err read_times(const struct settings *s, struct settings_profile *p,
                           struct err_info *why)
{
    int64_t lifetime = p->lifetime != 0 ? p->lifetime : s->certificate_lifetime;
    int64_t backdate = s->certificate_backdate;

    if (lifetime < LIFETIME_LEAST)
        return err_set(why, ERR_CONFIG, "lifetime: it must be at least 5m");
    if (p->backdate[0] != '\0' &&
        (!text_duration_ms(span_of(p->backdate), &backdate) || backdate > BACKDATE_MOST))
        return err_set(why, ERR_CONFIG, "backdate: \"%s\" is no duration from 0 to 1d",
                       p->backdate);
    p->lifetime_seconds = lifetime / 1000;
    p->backdate_seconds = backdate / 1000;
    return ERR_OK;
}

enum err settings_profile_check(struct arena *a, const struct settings *s,
                                struct settings_profile *profile, struct err_info *why)
{
    struct settings_profile *p = profile;

    TRY(read_rules(p, why));
    TRY(read_times(s, p, why));
    p->names_most = p->max_names != 0 ? p->max_names : s->max_names;
    TRY(read_usages(a, p, why));
    TRY(read_key_types(p, why));
    TRY(read_key_usages(p, why));
    TRY(read_policies(a, p, why));
    TRY(read_all_urls(p, why));
    TRY(read_choices(p, why));
    TRY(check_accounts(p, why));
    TRY(settings_profile_devices(p->devices, &p->known_devices, why));
    if (p->challenges.count > 0)
        TRY(settings_profile_types(&p->challenges, true, "challenges",
                                   &p->challenge_types, why));
    TRY(settings_profile_types(&p->identifiers, false, "identifiers",
                               &p->identifier_types, why));
    return settings_profile_rules(s, p, why);
}
