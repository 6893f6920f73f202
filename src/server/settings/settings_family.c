/* Profiles, directories and issuers: their tables, and what they come to. */
#include "server/settings/settings_family.h"

#include <string.h>

#include "core/acme/identifier.h"
#include "core/net/address.h"
#include "server/settings/settings_issuers.h"
#include "server/settings/settings_profile.h"
#include "server/settings/settings_view.h"

#define SECOND 1000LL
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)

#define OPTION(path, kind, member, fallback, least, most, sentence)                      \
    {path, CONFIG_##kind, offsetof(struct OWNER, member), fallback, least,               \
     most, sentence},
#define OWNER settings_profile
static const struct config_option profile_options[] = {
#include "server/settings/profile_options.def"
};
#undef OWNER
#define OWNER settings_directory
static const struct config_option directory_options[] = {
#include "server/settings/directory_options.def"
};
#undef OWNER
#define OWNER settings_issuer
static const struct config_option issuer_options[] = {
#include "server/settings/issuer_options.def"
};
#undef OWNER
#define OWNER settings_perspective
static const struct config_option perspective_options[] = {
#include "server/settings/perspective_options.def"
};
#undef OWNER
#define OWNER settings_log
static const struct config_option log_options[] = {
#include "server/settings/log_options.def"
};
#undef OWNER
#undef OPTION

#define FAMILY(key, table, owner, member, text)                                          \
    {                                                                                    \
        .section = key, .options = table,                                                \
        .option_count = sizeof table / sizeof table[0], .size = sizeof(struct owner),    \
        .offset = offsetof(struct settings, member), .sentence = text                    \
    }
const struct config_family settings_families[SETTINGS_FAMILIES] = {
    FAMILY("profiles", profile_options, settings_profile, profiles,
           "Kinds of certificates that clients choose from (draft-aaron-acme-profiles); "
           "cairn-ca.yaml(5) has all their options."),
    FAMILY("directories", directory_options, settings_directory, directories,
           "ACME directories: \"default\" is at /acme/directory, NAME at "
           "/acme/NAME/directory; each has accounts of its own."),
    FAMILY("issuers", issuer_options, settings_issuer, issuers,
           "Issuing keys beside that of files.intermediate_key, encrypted with "
           "the same "
           "passphrase if at all."),
    FAMILY("perspectives", perspective_options, settings_perspective, perspectives,
           "Hosts elsewhere that validate as well; cairn-ca perspective add "
           "puts them into perspectives.yaml."),
    FAMILY("ct_logs", log_options, settings_log, ct_logs,
           "Logs that certificates of profiles with ct: required are shown to "
           "(Certificate Transparency, RFC 6962)."),
};

static const char *const builtin[] = {
    "profiles.classic.description=TLS servers, with the usual lifetime of this CA",
    "profiles.tlsserver.description=TLS servers, 45 days",
    "profiles.tlsserver.lifetime=45d",
    "profiles.shortlived.description=TLS servers, 160 hours: no need to revoke",
    "profiles.shortlived.lifetime=160h",
    "profiles.client.description=TLS clients, 45 days",
    "profiles.client.lifetime=45d",
    "profiles.client.usages=client",
    "directories.default.issuer=",
};

enum err settings_family_defaults(struct arena *a, const struct config_table *table,
                                  struct settings *s, struct err_info *why)
{
    for (size_t i = 0; i < sizeof builtin / sizeof builtin[0]; i++)
        TRY(config_set(a, table, builtin[i], s, why));
    return ERR_OK;
}

/* ---- finding ---- */

static const void *member(const struct config_group *group, const char *name)
{
    for (size_t i = 0; i < group->count; i++)
        if (strcmp(*(const char *const *)group->members[i], name) == 0)
            return group->members[i];
    return NULL;
}

const struct settings_profile *settings_profile(const struct settings *s,
                                                const char *name)
{
    return member(&s->profiles, name);
}

const struct settings_directory *settings_directory(const struct settings *s,
                                                    const char *name)
{
    return member(&s->directories, name);
}

const struct settings_issuer *settings_issuer(const struct settings *s, const char *name)
{
    return member(&s->issuers, name);
}

const struct settings_perspective *settings_perspective(const struct settings *s,
                                                        const char *name)
{
    return member(&s->perspectives, name);
}

const struct settings_log *settings_log(const struct settings *s, const char *name)
{
    return member(&s->ct_logs, name);
}

struct settings_issuer settings_issuer_at(const struct settings *s, size_t index)
{
    if (index > 0)
        return *(const struct settings_issuer *)s->issuers.members[index - 1];
    return (struct settings_issuer){.name = "",
                                    .certificate = s->intermediate_file,
                                    .key = s->intermediate_key_file,
                                    .pin = "",
                                    .root = s->root_file,
                                    .alternates = s->alternate_files};
}

char *settings_url(struct arena *a, const struct settings *s,
                   const struct settings_directory *directory)
{
    if (directory == NULL && s->directories.count > 0)
        directory = s->directories.members[0];
    if (directory == NULL || strcmp(directory->name, SETTINGS_DIRECTORY_DEFAULT) == 0)
        return arena_printf(a, "%s/acme", s->base);
    return arena_printf(a, "%s/acme/%s", s->base, directory->name);
}

char *settings_account_url(struct arena *a, const struct settings *s,
                           const char *directory, int64_t account)
{
    bool named = strcmp(directory, SETTINGS_DIRECTORY_DEFAULT) != 0;

    return arena_printf(a, "%s/acme/%s%saccount/%lld", s->base, named ? directory : "",
                        named ? "/" : "", (long long)account);
}

/* ---- checking ---- */

static enum err check_names(struct arena *a, const char *option,
                            const struct config_list *list, struct err_info *why)
{
    for (size_t i = 0; i < list->count; i++) {
        const char *name = list->items[i];
        struct identifier identifier;
        if (identifier_read_dns(a, name + (name[0] == '.'), &identifier, why) != ERR_OK) {
            if (why != NULL)
                why->code = ERR_CONFIG;
            return err_prefix(why, "%s", option);
        }
        if (identifier_is_wildcard(&identifier))
            return err_set(why, ERR_CONFIG,
                           "%s: write \".%s\" for every name below it, wildcards among "
                           "them",
                           option, name + 2);
    }
    return ERR_OK;
}

/* In their canonical form: they are compared with those of CAA records. */
static enum err check_issuer_domain_names(struct arena *a, const struct settings *s,
                                          struct settings_directory *directory,
                                          struct err_info *why)
{
    if (directory->caa_identities.count == 0)
        directory->caa_identities = s->caa_identities;
    size_t count = directory->caa_identities.count;
    const char **names = arena_array(a, count, sizeof *names);

    if (count > SETTINGS_CAA_IDENTITIES_MAX)
        return err_set(why, ERR_CONFIG, "caa_identities: at most %d names",
                       SETTINGS_CAA_IDENTITIES_MAX);
    for (size_t i = 0; i < count; i++) {
        struct identifier name;
        if (identifier_read_dns(a, directory->caa_identities.items[i], &name, why) !=
            ERR_OK) {
            why->code = ERR_CONFIG;
            return err_prefix(why, "caa_identities");
        }
        if (identifier_is_wildcard(&name))
            return err_set(why, ERR_CONFIG, "caa_identities: %s is no name of a CA",
                           name.value);
        names[i] = name.value;
    }
    directory->caa_identities.items = names;
    return ERR_OK;
}

/* Its records name the CA. */
static enum err check_persist(const struct settings_directory *directory,
                              struct err_info *why)
{
    if ((directory->challenge_types & 1U << CHALLENGE_DNS_PERSIST_01) != 0 &&
        directory->caa_identities.count == 0)
        return err_set(why, ERR_CONFIG,
                       "challenges: dns-persist-01 needs caa_identities, the names of "
                       "this CA in DNS records");
    return ERR_OK;
}

/* Devices are proved by one challenge, which is off unless it is asked for. */
static enum err check_devices(const struct settings_directory *directory,
                              struct err_info *why)
{
    bool offered = (directory->challenge_types & 1U << CHALLENGE_DEVICE_ATTEST_01) != 0;
    bool taken = settings_profile_has_devices(directory->identifier_types);

    if (taken && !offered)
        return err_set(why, ERR_CONFIG,
                       "identifiers: devices are proved by device-attest-01, which "
                       "challenges must name");
    if (offered && !taken)
        return err_set(
            why, ERR_CONFIG,
            "challenges: device-attest-01 proves devices only, and identifiers "
            "names neither permanent-identifier nor hardware-module");
    return ERR_OK;
}

static enum err check_addresses(const struct settings_directory *directory,
                                struct err_info *why)
{
    struct address_network network;

    for (size_t i = 0; i < directory->allow_addresses.count; i++)
        if (!address_network_parse(span_of(directory->allow_addresses.items[i]),
                                   &network))
            return err_set(why, ERR_CONFIG,
                           "allow_addresses: \"%s\" is no network, such as 10.0.0.0/8 or "
                           "fd00::/8",
                           directory->allow_addresses.items[i]);
    return ERR_OK;
}

/* Who takes no devices is not meant by a profile for nothing else. */
static bool is_for_others(const struct settings_profile *profile,
                          const struct settings_directory *directory)
{
    const unsigned int names = 1U << IDENTIFIER_DNS | 1U << IDENTIFIER_IP;

    return (profile->identifier_types & names) == 0 &&
           (profile->identifier_types & directory->identifier_types) == 0;
}

/* The profiles that are named, or all that are there. */
static enum err find_offered(struct arena *a, const struct settings *s,
                             struct settings_directory *directory, struct err_info *why)
{
    size_t count = directory->profiles.count;
    size_t most = count > s->profiles.count ? count : s->profiles.count;
    const struct settings_profile **offered = arena_array(a, most, sizeof *offered);

    for (size_t i = 0; i < count; i++) {
        offered[i] = settings_profile(s, directory->profiles.items[i]);
        if (offered[i] == NULL)
            return err_set(why, ERR_CONFIG, "profiles: there is no profile \"%s\"",
                           directory->profiles.items[i]);
    }
    directory->offered = offered;
    directory->offered_count = count;
    for (size_t i = 0; count == 0 && i < s->profiles.count; i++)
        if (!is_for_others(s->profiles.members[i], directory))
            offered[directory->offered_count++] = s->profiles.members[i];
    if (directory->offered_count == 0)
        return err_set(why, ERR_CONFIG,
                       "profiles: none of them takes identifiers that are taken here");
    return ERR_OK;
}

/* Of what a profile allows, something must be offered here. */
static enum err check_provable(const struct settings_directory *directory,
                               struct err_info *why)
{
    for (size_t i = 0; i < directory->offered_count; i++) {
        const struct settings_profile *profile = directory->offered[i];
        if (profile->challenge_types != 0 &&
            (profile->challenge_types & directory->challenge_types) == 0)
            return err_set(why, ERR_CONFIG,
                           "profiles: none of the challenges that \"%s\" allows is "
                           "offered here",
                           profile->name);
    }
    return ERR_OK;
}

/* Of what a profile takes, something must be taken here; and what the Baseline
 * Requirements ask of names is for a directory to do (X-TLS-5; BR 4.2.2, 4.2.2.1). */
static enum err check_offered(const struct settings_directory *directory,
                              struct err_info *why)
{
    for (size_t i = 0; i < directory->offered_count; i++) {
        const struct settings_profile *profile = directory->offered[i];
        if ((profile->identifier_types & directory->identifier_types) == 0)
            return err_set(why, ERR_CONFIG,
                           "profiles: none of the identifiers that \"%s\" takes is taken "
                           "here",
                           profile->name);
        if (profile->baseline && !directory->public_names)
            return err_set(
                why, ERR_CONFIG,
                "profiles: \"%s\" keeps the Baseline Requirements (rules: br), "
                "so public_names must be true here (BR 4.2.2)",
                profile->name);
        if (profile->baseline &&
            (directory->caa_identities.count == 0 || !directory->check_caa))
            return err_set(
                why, ERR_CONFIG,
                "profiles: \"%s\" keeps the Baseline Requirements (rules: br), "
                "so CAA must be looked at here: caa_identities, check_caa (BR "
                "4.2.2.1)",
                profile->name);
    }
    return ERR_OK;
}

static enum err check_external(struct settings_directory *directory, struct err_info *why)
{
    const char *rule = directory->external_account;

    directory->external_required = strcmp(rule, "required") == 0;
    directory->external_verified =
        directory->external_required || strcmp(rule, "optional") == 0;
    if (!directory->external_verified && strcmp(rule, "none") != 0)
        return err_set(why, ERR_CONFIG,
                       "external_account: \"%s\" must be none, optional or required",
                       rule);
    return ERR_OK;
}

/* /acme/NAME/directory must lead to the directory, and to nothing of the default one:
 * what stands behind the name of a resource is an id, but for this. */
#define NAME_OF_A_RESOURCE "renewal-info"

static enum err check_directory(struct arena *a, const struct settings *s,
                                struct settings_directory *directory,
                                struct err_info *why)
{
    if (strcmp(directory->name, NAME_OF_A_RESOURCE) == 0)
        return err_set(why, ERR_CONFIG,
                       "the name is taken: renewal information is there (RFC 9773)");
    TRY(settings_profile_types(&directory->identifiers, false, "identifiers",
                               &directory->identifier_types, why));
    TRY(find_offered(a, s, directory, why));
    TRY(settings_profile_types(&directory->challenges, true, "challenges",
                               &directory->challenge_types, why));
    TRY(check_provable(directory, why));
    TRY(check_names(a, "allow_names", &directory->allow_names, why));
    TRY(check_names(a, "deny_names", &directory->deny_names, why));
    TRY(check_addresses(directory, why));
    TRY(check_issuer_domain_names(a, s, directory, why));
    TRY(check_offered(directory, why));
    TRY(check_persist(directory, why));
    TRY(check_devices(directory, why));
    TRY(settings_view_directory(a, s, directory, why));
    TRY(check_external(directory, why));
    TRY(settings_profile_devices(directory->devices, &directory->known_devices, why));
    return settings_issuers_read(a, s, directory->issuer, &directory->issuer_rows,
                                 directory->issuer_by_key, why);
}

static enum err check_issuer(const struct settings_issuer *issuer, struct err_info *why)
{
    if (issuer->certificate[0] == '\0' || issuer->key[0] == '\0')
        return err_set(why, ERR_CONFIG, "certificate and key must both be given");
    return ERR_OK;
}

enum err settings_family_check(struct arena *a, struct settings *s, struct err_info *why)
{
    if (s->profiles.count == 0)
        return err_set(why, ERR_CONFIG, "profiles: at least one is needed");
    if (s->directories.count == 0)
        return err_set(why, ERR_CONFIG, "directories: at least one is needed");
    for (size_t i = 0; i < s->profiles.count; i++) {
        struct settings_profile *profile = s->profiles.members[i];
        if (settings_profile_check(a, s, profile, why) != ERR_OK ||
            settings_issuers_read(a, s, profile->issuer, &profile->issuer_rows,
                                  profile->issuer_by_key, why) != ERR_OK)
            return err_prefix(why, "profiles.%s", profile->name);
    }
    for (size_t i = 0; i < s->issuers.count; i++) {
        const struct settings_issuer *issuer = s->issuers.members[i];
        if (check_issuer(issuer, why) != ERR_OK)
            return err_prefix(why, "issuers.%s", issuer->name);
    }
    for (size_t i = 0; i < s->directories.count; i++) {
        struct settings_directory *directory = s->directories.members[i];
        if (check_directory(a, s, directory, why) != ERR_OK)
            return err_prefix(why, "directories.%s", directory->name);
    }
    return ERR_OK;
}
