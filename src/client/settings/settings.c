/* The tables, and reading by them. */
#include "client/settings/settings.h"

#include <string.h>

#include "client/settings/settings_path.h"
#include "core/base/file.h"

#define SECOND 1000LL /* in milliseconds, as in the tables */
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)

#define FILE_MAX (16 * 1024 * 1024) /* octets of a file: ten thousand certificates */

#define OPTION(path, kind, member, fallback, least, most, sentence)                      \
    {PREFIX path, CONFIG_##kind, OFFSET(member), fallback, least, most, sentence},

#define PREFIX         ""
#define OFFSET(member) offsetof(struct settings_ca, member)
static const struct config_option ca_options[] = {
#include "client/settings/ca_options.def"
};
#undef OFFSET
#define OFFSET(member) offsetof(struct settings_dns, member)
static const struct config_option dns_options[] = {
#include "client/settings/dns_options.def"
};
#undef OFFSET
#define OFFSET(member) offsetof(struct settings_deployment, member)
static const struct config_option deployment_options[] = {
#include "client/settings/deployment_options.def"
};
#undef OFFSET
#define OFFSET(member) offsetof(struct settings_certificate, member)
static const struct config_option certificate_options[] = {
#include "client/settings/certificate_options.def"
};
#undef OFFSET
#define OFFSET(member) offsetof(struct settings, member)
static const struct config_option options[] = {
#include "client/settings/options.def"
#undef PREFIX
#undef OFFSET
#define PREFIX         "defaults."
#define OFFSET(member) offsetof(struct settings, defaults.member)
#include "client/settings/certificate_options.def"
};
#undef OPTION

#define COUNT(table) (sizeof(table) / sizeof(table)[0])

const struct config_family settings_families[SETTINGS_FAMILY_COUNT] = {
    {.section = "cas",
     .options = ca_options,
     .option_count = COUNT(ca_options),
     .size = sizeof(struct settings_ca),
     .offset = offsetof(struct settings, cas),
     .sentence = "Certificate authorities; some are known without standing here."},
    {.section = "dns",
     .options = dns_options,
     .option_count = COUNT(dns_options),
     .size = sizeof(struct settings_dns),
     .offset = offsetof(struct settings, dns),
     .sentence = "Who changes records of the DNS, and with which credentials.",
     .max = 1000},
    {.section = "deployments",
     .options = deployment_options,
     .option_count = COUNT(deployment_options),
     .size = sizeof(struct settings_deployment),
     .offset = offsetof(struct settings, deployments),
     .sentence = "Where certificates go.",
     .max = 1000},
    {.section = "certificates",
     .options = certificate_options,
     .option_count = COUNT(certificate_options),
     .size = sizeof(struct settings_certificate),
     .offset = offsetof(struct settings, certificates),
     .sentence = "The certificates.",
     .max = SETTINGS_CERTIFICATES_MAX,
     .is_name = settings_is_certificate_name,
     .alphabet =
         "1 to 200 of letters, digits, \".\", \"_\" and \"-\", not beginning with "
         "a dot",
     .seed = offsetof(struct settings, defaults)},
};

const struct config_table settings_table = {options, COUNT(options), settings_families,
                                            SETTINGS_FAMILY_COUNT};

bool settings_is_certificate_name_letter(char c)
{
    return c != '\0' &&
           strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-",
                  c) != NULL;
}

bool settings_is_certificate_name(const char *name)
{
    size_t len = 0;

    while (settings_is_certificate_name_letter(name[len]))
        len++;
    return len > 0 && len <= SETTINGS_CERTIFICATE_NAME_MAX && name[len] == '\0' &&
           name[0] != '.';
}

/* ---- reading ---- */

static const char *const builtin[] = {
#define AUTHORITY(name, url, staging)                                                    \
    "cas." name ".directory=" url, "cas." name ".staging=" staging,
#include "client/settings/authorities.def"
#undef AUTHORITY
};

static enum err add_authorities(struct arena *a, struct settings *s, struct err_info *why)
{
    for (size_t i = 0; i < COUNT(builtin); i++)
        TRY(config_set(a, &settings_table, builtin[i], s, why));
    return ERR_OK;
}

enum err settings_defaults(struct arena *a, struct settings *s, struct err_info *why)
{
    memset(s, 0, sizeof *s);
    TRY(config_defaults(a, &settings_table, s, why));
    return add_authorities(a, s, why);
}

/* A CA that is known by name keeps its URLs where the file has options of its own for it,
 * and those the file does not speak of stay. */
static enum err keep_authorities(struct arena *a, struct settings *s,
                                 struct err_info *why)
{
    AUTO(arena) struct arena *scratch = arena_new();
    struct settings known;

    TRY(settings_defaults(scratch, &known, why));
    for (size_t i = 0; i < known.cas.count; i++) {
        const struct settings_ca *from = known.cas.members[i];
        const struct settings_ca *to = settings_ca(s, from->name);
        if (to == NULL || to->directory[0] == '\0')
            TRY(config_set(
                a, &settings_table,
                arena_printf(a, "cas.%s.directory=%s", from->name, from->directory), s,
                why));
        if ((to == NULL || to->staging[0] == '\0') && from->staging[0] != '\0')
            TRY(config_set(
                a, &settings_table,
                arena_printf(a, "cas.%s.staging=%s", from->name, from->staging), s, why));
    }
    return ERR_OK;
}

/* Twice: certificates begin as what `defaults` says, wherever that stands in the file. */
enum err settings_read(struct arena *a, const char *file, struct span text,
                       struct settings *s, struct err_info *why)
{
    TRY(config_read(a, &settings_table, file, text, s, why));
    TRY(config_read(a, &settings_table, file, text, s, why));
    TRY(keep_authorities(a, s, why));
    settings_path_make_whole(a, file, s);
    if (settings_check(a, s, why) != ERR_OK)
        return config_place(a, file, text, why);
    return ERR_OK;
}

enum err settings_load(struct arena *a, const char *path, struct settings *s,
                       struct err_info *why)
{
    const char *file = path != NULL ? path : SETTINGS_FILE_DEFAULT;
    struct span text = span_of("");

    TRY(settings_defaults(a, s, why));
    enum err result = file_read(a, file, FILE_MAX, &text, why);
    if (result == ERR_NOT_FOUND && path == NULL)
        return ERR_OK;
    if (result != ERR_OK) {
        why->code = ERR_CONFIG;
        return ERR_CONFIG;
    }
    return settings_read(a, file, text, s, why);
}

/* ---- finding ---- */

const struct settings_ca *settings_ca(const struct settings *s, const char *name)
{
    return config_group_find(&s->cas, name);
}

const struct settings_dns *settings_dns(const struct settings *s, const char *name)
{
    return config_group_find(&s->dns, name);
}

const struct settings_certificate *settings_certificate(const struct settings *s,
                                                        const char *name)
{
    return config_group_find(&s->certificates, name);
}

const struct settings_deployment *settings_deployment(const struct settings *s,
                                                      const char *name)
{
    return config_group_find(&s->deployments, name);
}
