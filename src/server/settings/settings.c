/* The CA's settings, bound to the option table. */
#include "server/settings/settings.h"

#include <stdlib.h>
#include <string.h>

#include "core/acme/identifier.h"
#include "core/base/file.h"
#include "core/base/log.h"
#include "core/base/text.h"
#include "core/net/address.h"
#include "server/settings/settings_attest.h"
#include "server/settings/settings_bundle.h"
#include "server/settings/settings_enrollment.h"
#include "server/settings/settings_family.h"
#include "server/settings/settings_host.h"
#include "server/settings/settings_issuing.h"
#include "server/settings/settings_perspective.h"
#include "server/settings/settings_pkcs11.h"
#include "server/settings/settings_profile.h"
#include "server/settings/settings_publish.h"
#include "server/settings/settings_quorum.h"
#include "server/settings/settings_table.h"
#include "server/settings/settings_transparency.h"
#include "server/settings/settings_view.h"

static const struct config_option options[] = {
#define OPTION(path, kind, member, fallback, least, most, sentence)                      \
    {path, CONFIG_##kind, offsetof(struct settings, member), fallback, least,            \
     most, sentence},
#include "server/settings/options.def"
#undef OPTION
};

static const struct config_table table = {options, sizeof options / sizeof options[0],
                                          settings_families, SETTINGS_FAMILIES};

const struct config_table *settings_table(void)
{
    return &table;
}

/* https:// and the first name, with the port of the first listener unless it is 443. */
static char *default_origin(struct arena *a, const struct settings *s)
{
    const char *port = s->listen.count > 0 ? strrchr(s->listen.items[0], ':') : NULL;

    if (port == NULL || strcmp(port, ":443") == 0)
        port = "";
    return arena_printf(a, "https://%s%s", s->dns_names.items[0], port);
}

/* The names in their canonical form; no wildcard: they stand in URLs. */
static enum err check_dns_names(struct arena *a, struct settings *s, struct err_info *why)
{
    size_t count = s->dns_names.count;
    const char **names = arena_array(a, count, sizeof *names);

    if (count == 0)
        return err_set(why, ERR_CONFIG, "dns_names: at least one name is needed");
    for (size_t i = 0; i < count; i++) {
        struct identifier name;
        if (identifier_read_dns(a, s->dns_names.items[i], &name, why) != ERR_OK) {
            why->code = ERR_CONFIG;
            return err_prefix(why, "dns_names");
        }
        if (identifier_is_wildcard(&name))
            return err_set(why, ERR_CONFIG, "dns_names: %s is no name of a server",
                           name.value);
        names[i] = name.value;
    }
    s->dns_names.items = names;
    return ERR_OK;
}

static enum err check_listen(const struct settings *s, struct err_info *why)
{
    if (s->listen.count == 0)
        return err_set(why, ERR_CONFIG, "listen: at least one ADDRESS:PORT is needed");
    if (s->listen.count > SETTINGS_LISTEN_MAX)
        return err_set(why, ERR_CONFIG, "listen: at most %d addresses",
                       SETTINGS_LISTEN_MAX);
    for (size_t i = 0; i < s->listen.count; i++) {
        struct address address;
        if (!address_parse_with_port(span_of(s->listen.items[i]), 0, &address) ||
            address.port == 0)
            return err_set(why, ERR_CONFIG,
                           "listen: \"%s\" is not ADDRESS:PORT, such as 0.0.0.0:443 or "
                           "[::]:443",
                           s->listen.items[i]);
    }
    return ERR_OK;
}

bool settings_is_web_url(const char *url)
{
    bool is_web = strncmp(url, "https://", 8) == 0 || strncmp(url, "http://", 7) == 0;

    for (const char *p = url; *p != '\0'; p++)
        is_web = is_web && *p > ' ' && *p < 0x7f && strchr("<>\"\\", *p) == NULL;
    return is_web;
}

/* URLs that are shown to clients, in a header too. */
static enum err check_url(const char *option, const char *url, struct err_info *why)
{
    if (url[0] != '\0' && !settings_is_web_url(url))
        return err_set(why, ERR_CONFIG,
                       "%s: \"%s\" is not a URL such as https://ca.example.test/terms",
                       option, url);
    return ERR_OK;
}

static enum err check_rates(struct settings *s, struct err_info *why)
{
    const char *const texts[RATE_KINDS] = {
#define LIMIT(name, word, sentence)     s->rate_##word,
#define KEY_LIMIT(name, word, sentence) "off",
#include "server/settings/limits.def"
#undef LIMIT
#undef KEY_LIMIT
    };

    for (int i = 0; i < RATE_KINDS; i++)
        if (rate_read(span_of(texts[i]), &s->rates[i], why) != ERR_OK)
            return err_prefix(why, "rates.%s", rate_kind_word((enum rate_kind)i));
    return check_url("rates.help_url", s->rates_help_url, why);
}

static enum err check(struct arena *a, struct settings *s, struct err_info *why)
{
    enum log_level level;

    TRY(check_dns_names(a, s, why));
    TRY(check_listen(s, why));
    TRY(settings_view_general(a, s, &s->view, why));
    TRY(check_url("terms_of_service", s->terms_of_service, why));
    TRY(check_url("terms_of_service_help", s->terms_of_service_help, why));
    TRY(check_url("website", s->website, why));
    TRY(check_rates(s, why));
    TRY(check_url("renewal.revoked_url", s->renewal_revoked_url, why));
    if (s->terms_of_service_renew && s->terms_of_service[0] == '\0')
        return err_set(why, ERR_CONFIG,
                       "terms_of_service_renew: there are no terms_of_service");
    if (!log_level_read(s->log_level, &level))
        return err_set(why, ERR_CONFIG,
                       "log.level: \"%s\" is none of debug, info, notice, warning, error",
                       s->log_level);
    if (s->certificate_backdate >= s->certificate_lifetime)
        return err_set(why, ERR_CONFIG,
                       "certificate.backdate must be shorter than certificate.lifetime");
    TRY(settings_publish_check(a, s, why));
    TRY(settings_family_check(a, s, why));
    TRY(settings_attest_check(s, why));
    TRY(settings_transparency_check(a, s, why));
    TRY(settings_enrollment_check(s, why));
    TRY(settings_perspective_check(a, s, why));
    TRY(settings_quorum_check(s, why));
    TRY(settings_pkcs11_check(a, s, why));
    s->base = s->origin[0] != '\0' ? s->origin : default_origin(a, s);
    if (strncmp(s->base, "https://", 8) != 0 || strchr(s->base + 8, '/') != NULL ||
        s->base[8] == '\0')
        return err_set(why, ERR_CONFIG, "origin: \"%s\" is not https://HOST[:PORT]",
                       s->base);
    return ERR_OK;
}

static enum err apply_sets(struct arena *a, struct settings *s, const char *const *sets,
                           size_t set_count, struct err_info *why)
{
    const char **kept = arena_array(a, set_count + 1, sizeof *kept);

    for (size_t i = 0; i < set_count; i++) {
        TRY(config_set(a, &table, sets[i], s, why));
        kept[i] = arena_string(a, sets[i]);
    }
    s->sets = kept;
    s->set_count = set_count;
    return check(a, s, why);
}

enum err settings_defaults(struct arena *a, const char *directory,
                           const char *const *sets, size_t set_count,
                           struct settings **settings, struct err_info *why)
{
    struct settings *s = arena_get(a, sizeof *s);

    TRY(config_defaults(a, &table, s, why));
    TRY(settings_family_defaults(a, &table, s, why));
    s->directory = arena_string(a, directory);
    TRY(apply_sets(a, s, sets, set_count, why));
    *settings = s;
    return ERR_OK;
}

enum err settings_file_text(struct arena *a, const char *directory, struct span *text,
                            struct err_info *why)
{
    char *file = file_path(a, directory, SETTINGS_FILE);
    enum err result = file_read(a, file, CONFIG_FILE_MAX, text, why);

    if (result == ERR_NOT_FOUND &&
        file_exists(file_path(a, directory, SETTINGS_HOST_FILE)))
        return err_set(why, ERR_CONFIG,
                       "%s is the folder of a perspective, not of a CA; see: cairn-ca "
                       "help perspective",
                       directory);
    if (result == ERR_NOT_FOUND)
        return err_set(why, ERR_CONFIG,
                       "%s is not there; make a CA with: cairn-ca init --dir %s", file,
                       directory);
    TRY(result);
    return settings_perspective_join(a, directory, text, why);
}

/* Was the option that a sentence begins with given on the command line? */
static bool is_set(const char *subject, const char *const *sets, size_t set_count)
{
    for (size_t i = 0; i < set_count; i++) {
        size_t len = strcspn(sets[i], "=");
        if (strncmp(sets[i], subject, len) == 0 &&
            (subject[len] == '\0' || subject[len] == '.'))
            return true;
    }
    return false;
}

enum err settings_read(struct arena *a, const char *directory, struct span text,
                       const char *const *sets, size_t set_count,
                       const struct settings **settings, struct err_info *why)
{
    struct settings *s = arena_get(a, sizeof *s);
    char *file = file_path(a, directory, SETTINGS_FILE);
    struct span main_text;
    struct span perspectives;

    settings_perspective_split(text, &main_text, &perspectives);
    settings_bundle_split(&perspectives, &s->bundle);
    struct span bundle = s->bundle;
    TRY(config_defaults(a, &table, s, why));
    TRY(settings_family_defaults(a, &table, s, why));
    s->directory = arena_string(a, directory);
    s->bundle = bundle;
    TRY(config_read(a, &table, file, main_text, s, why));
    TRY(settings_perspective_read(a, perspectives, s, why));
    enum err result = apply_sets(a, s, sets, set_count, why);
    if (result != ERR_OK && why != NULL && strncmp(why->detail, "--set", 5) != 0) {
        if (is_set(config_place_subject(a, why->detail), sets, set_count))
            return err_prefix(why, "--set");
        return config_place(a, file, main_text, why);
    }
    if (result != ERR_OK)
        return result;
    *settings = s;
    return ERR_OK;
}

enum err settings_check_now(struct arena *a, const struct settings *s, int64_t now,
                            struct err_info *why)
{
    struct err_info reading = {0};
    struct span text = {0};
    struct span main_text = {0};
    struct span perspectives = {0};

    enum err result = settings_issuing_check(a, s, why);
    for (size_t i = 0; i < s->profiles.count && result == ERR_OK; i++) {
        const struct settings_profile *profile = s->profiles.members[i];
        result = settings_profile_now(profile, now, why);
        if (result != ERR_OK)
            (void)err_prefix(why, "profiles.%s", profile->name);
    }
    if (result == ERR_OK)
        return ERR_OK;
    if (is_set(config_place_subject(a, why->detail), s->sets, s->set_count))
        return err_prefix(why, "--set");
    if (settings_file_text(a, s->directory, &text, &reading) == ERR_OK)
        settings_perspective_split(text, &main_text, &perspectives);
    return config_place(a, file_path(a, s->directory, SETTINGS_FILE), main_text, why);
}

struct config_list settings_notes(struct arena *a, const struct settings *s, int64_t now)
{
    const char **items = arena_array(a, CONFIG_LIST_MAX, sizeof *items);
    struct config_list list = {items, 0};

    for (size_t i = 0; i < s->profiles.count; i++) {
        size_t count = 0;
        const char *const *notes =
            settings_profile_notes(a, s, s->profiles.members[i], now, &count);
        for (size_t j = 0; j < count && list.count < CONFIG_LIST_MAX; j++)
            items[list.count++] = notes[j];
    }
    size_t count = 0;
    const char *const *notes = settings_issuing_notes(a, s, now, &count);
    for (size_t j = 0; j < count && list.count < CONFIG_LIST_MAX; j++)
        items[list.count++] = notes[j];
    notes = settings_attest_notes(a, s, now, &count);
    for (size_t j = 0; j < count && list.count < CONFIG_LIST_MAX; j++)
        items[list.count++] = notes[j];
    return list;
}

enum err settings_load(struct arena *a, const char *directory, const char *const *sets,
                       size_t set_count, const struct settings **settings,
                       struct err_info *why)
{
    struct span text;

    TRY(settings_file_text(a, directory, &text, why));
    return settings_read(a, directory, text, sets, set_count, settings, why);
}

enum err settings_reread(struct arena *a, const struct settings *old, struct span text,
                         const struct settings **settings, struct err_info *why)
{
    if (old->is_host)
        return settings_host_read(a, old->directory, text, old->sets, old->set_count,
                                  settings, why);
    return settings_read(a, old->directory, text, old->sets, old->set_count, settings,
                         why);
}

void settings_write(struct buf *b, const struct settings *settings)
{
    buf_add_text(
        b, "# Settings of this CA. Durations are written 90d, 36h, 15m, 20s, 250ms.\n"
           "# Check a change with: cairn-ca check-config; make it known to the running\n"
           "# CA with SIGHUP. The manual is cairn-ca.yaml(5).\n");
    config_write(b, &table, settings);
}

char *settings_path(struct arena *a, const struct settings *settings, const char *name)
{
    return file_path(a, settings->directory, name);
}
