/* From options to settings. */
#include "client/command/issue_settings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "client/settings/name.h"
#include "client/settings/settings_names.h"
#include "client/work/issuing_csr.h"
#include "client/work/work.h"
#include "client/work/work_places.h"

#define LIST_OCTETS (64 * 1024) /* of all values of a list */

enum section { SECTION_CA, SECTION_DNS, SECTION_CERTIFICATE, SECTION_COUNT };

static const char *const section_names[SECTION_COUNT] = {"cas", "dns", "certificates"};

enum value_kind {
    VALUE_TEXT,
    VALUE_NUMBER,
    VALUE_FLAG,
    VALUE_LIST,
    VALUE_PATH,
    VALUE_WAY
};

static const struct setting {
    const char *option;
    enum value_kind kind;
    size_t offset; /* in struct client_command */
    enum section section;
    const char *key;
} rows[] = {
#define SETTING(option, kind, member, section, key)                                      \
    {option, VALUE_##kind, offsetof(struct client_command, member), section, key},
#include "client/command/issue_settings.def"
#undef SETTING
};

#define ROW_COUNT (sizeof rows / sizeof rows[0])

struct making {
    const struct client_command *c;
    struct settings *settings;
    const char *members[SECTION_COUNT]; /* that the options are about; NULL: none yet */
};

static enum err set(struct making *m, const char *section, const char *member,
                    const char *key, const char *value, struct err_info *why)
{
    return config_set(
        m->c->arena, &settings_table,
        arena_printf(m->c->arena, "%s.%s.%s=%s", section, member, key, value),
        m->settings, why);
}

/* A path that stays right when renew runs from another folder. */
static enum err whole_path(struct arena *a, const char *path, const char **whole,
                           struct err_info *why)
{
    char *real = NULL;

    if (strncmp(path, "credential:", strlen("credential:")) == 0) {
        *whole = path;
        return ERR_OK;
    }
    real = realpath(path, NULL);
    if (real == NULL)
        return err_set_os(why, ERR_USAGE, errno, "\"%s\"", path);
    *whole = arena_string(a, real);
    free(real);
    return ERR_OK;
}

enum err issue_settings_way(struct arena *a, const char *text, const char **way,
                            struct err_info *why)
{
    static const char *const ways[] = {"webroot:", "tokens:", "hook:", "uacme:"};

    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        const char *path = NULL;
        if (strncmp(text, ways[i], strlen(ways[i])) != 0)
            continue;
        TRY(whole_path(a, text + strlen(ways[i]), &path, why));
        *way = arena_printf(a, "%s%s", ways[i], path);
        return ERR_OK;
    }
    *way = text;
    return ERR_OK;
}

static const char *join(struct arena *a, const struct cli_list *list)
{
    AUTO(buf) struct buf b = buf_make(LIST_OCTETS);

    for (size_t i = 0; i < list->count; i++)
        buf_printf(&b, "%s%s", i > 0 ? "," : "", list->items[i]);
    return arena_string_of(a, buf_span(&b));
}

/* The option's value as a text; NULL if it was not given. */
static enum err value_of(struct making *m, const struct setting *row, const char **value,
                         struct err_info *why)
{
    const void *at = (const char *)m->c + row->offset;
    const char *text =
        row->kind == VALUE_TEXT || row->kind == VALUE_PATH || row->kind == VALUE_WAY
            ? *(const char *const *)at
            : NULL;

    *value = NULL;
    switch (row->kind) {
    case VALUE_NUMBER:
        if (*(const int64_t *)at != 0)
            *value = arena_printf(m->c->arena, "%lld", (long long)*(const int64_t *)at);
        return ERR_OK;
    case VALUE_FLAG:
        *value = *(const bool *)at ? "true" : NULL;
        return ERR_OK;
    case VALUE_LIST:
        if (((const struct cli_list *)at)->count > 0)
            *value = join(m->c->arena, at);
        return ERR_OK;
    case VALUE_PATH:
        return text == NULL ? ERR_OK : whole_path(m->c->arena, text, value, why);
    case VALUE_WAY:
        return text == NULL ? ERR_OK : issue_settings_way(m->c->arena, text, value, why);
    case VALUE_TEXT:
        break;
    }
    *value = text;
    return ERR_OK;
}

/* ---- members ---- */

/* What is not said is as the file has it for all certificates. */
static enum err choose_ca(struct making *m, const struct settings *base,
                          struct err_info *why)
{
    const struct config_list *usual = &base->defaults.cas;
    const char *ca = m->c->ca != NULL ? m->c->ca : base->ca;

    if (m->c->ca == NULL && usual->count > 0) {
        m->members[SECTION_CA] = usual->items[0];
        return ERR_OK;
    }
    m->members[SECTION_CA] = ca;
    if (settings_ca(base, ca) == NULL) {
        if (strncmp(ca, "https://", 8) != 0)
            return err_set(why, ERR_USAGE,
                           "--ca: \"%.100s\" is neither the name of a CA, such as "
                           "letsencrypt, nor an https URL",
                           ca);
        m->members[SECTION_CA] = "ca";
        TRY(set(m, "cas", "ca", "directory", ca, why));
    }
    return set(m, "certificates", m->members[SECTION_CERTIFICATE], "cas",
               m->members[SECTION_CA], why);
}

/* Who adds records: one that is known by name, or one made of the options. */
static enum err choose_dns(struct making *m, const struct settings *base,
                           struct err_info *why)
{
    const struct client_command *c = m->c;
    const char *given = c->dns_server != NULL        ? "--dns-server"
                        : c->dns_resolver != NULL    ? "--dns-resolver"
                        : c->dns_check != NULL       ? "--dns-check"
                        : c->dns_timeout != NULL     ? "--dns-timeout"
                        : c->dns_url != NULL         ? "--dns-url"
                        : c->dns_program != NULL     ? "--dns-program"
                        : c->dns_credentials != NULL ? "--dns-credentials"
                                                     : NULL;

    if (c->dns == NULL && c->dns_key == NULL && given != NULL)
        return err_set(why, ERR_USAGE,
                       "%s is for dns-01, which needs --dns WHO, or --dns-key FILE, the "
                       "key for updates of the zone",
                       given);
    if (c->dns == NULL && c->dns_key == NULL)
        return ERR_OK;
    m->members[SECTION_DNS] = c->dns;
    if (c->dns == NULL || settings_dns(base, c->dns) == NULL) {
        m->members[SECTION_DNS] = "dns";
        TRY(set(m, "dns", "dns", "provider", c->dns != NULL ? c->dns : "rfc2136", why));
    }
    return set(m, "certificates", m->members[SECTION_CERTIFICATE], "dns",
               m->members[SECTION_DNS], why);
}

static enum err add_deployment(struct making *m, const struct settings *base,
                               const char *target, size_t number, struct buf *names,
                               struct err_info *why)
{
    const char *name = target;

    if (settings_deployment(base, target) == NULL) {
        name = arena_printf(m->c->arena, "deploy-%zu", number);
        TRY(set(m, "deployments", name, "target", target, why));
    }
    buf_printf(names, "%s%s", names->len > 0 ? "," : "", name);
    return ERR_OK;
}

static enum err choose_deployments(struct making *m, const struct settings *base,
                                   struct err_info *why)
{
    const struct client_command *c = m->c;
    AUTO(buf) struct buf names = buf_make(LIST_OCTETS);

    for (size_t i = 0; i < c->deploy.count; i++) {
        char *list = arena_string(c->arena, c->deploy.items[i]);
        for (char *one = strsep(&list, ","); one != NULL; one = strsep(&list, ","))
            TRY(add_deployment(m, base, one, i + 1, &names, why));
    }
    if (c->deploy_hook != NULL) {
        TRY(set(m, "deployments", "deploy-hook", "target", "hook", why));
        TRY(set(m, "deployments", "deploy-hook", "command", c->deploy_hook, why));
        buf_printf(&names, "%sdeploy-hook", names.len > 0 ? "," : "");
    }
    if (names.len == 0)
        return ERR_OK;
    return set(m, "certificates", m->members[SECTION_CERTIFICATE], "deploy",
               arena_string_of(c->arena, buf_span(&names)), why);
}

/* ---- names and challenges ---- */

static enum err read_names(const struct client_command *c, struct config_list *names,
                           struct err_info *why)
{
    size_t count = c->arguments.count + c->identifiers.count;
    const char **list = arena_array(c->arena, count + 1, sizeof *list);

    if (c->arguments.count == 0 && c->device == NULL && c->csr == NULL)
        return err_set(why, ERR_USAGE, "say the NAME the certificate is for");
    for (size_t i = 0; i < c->arguments.count; i++)
        list[i] = c->arguments.items[i];
    for (size_t i = 0; i < c->identifiers.count; i++) {
        const char *name = c->identifiers.items[i];
        if (!name_is_device(name))
            return err_set(why, ERR_USAGE,
                           "--identifier: \"%.100s\" is neither "
                           "permanent-identifier:VALUE nor hardware-module:VALUE",
                           name);
        list[c->arguments.count + i] = name;
    }
    *names = (struct config_list){list, count};
    if (settings_names_read(c->arena, names, why) == ERR_OK)
        return ERR_OK;
    why->code = ERR_USAGE;
    return ERR_USAGE;
}

/* Is a name a device's, or is the device asked what it is? */
static bool is_attested(const struct client_command *c)
{
    for (size_t i = 0; i < c->arguments.count; i++)
        if (name_is_device(c->arguments.items[i]))
            return true;
    return c->identifiers.count > 0 || (c->arguments.count == 0 && c->csr == NULL);
}

/* What was set up by an option of its own, even at its default, may be answered. */
static enum err choose_challenges(struct making *m, struct err_info *why)
{
    const struct client_command *c = m->c;
    const char *list = NULL;

    if (c->challenges.count > 0) {
        list = join(c->arena, &c->challenges);
        struct challenge_list read = {0};
        if (challenge_list_read(list, &read, why) != ERR_OK)
            return err_prefix(why, "--challenge");
        if (c->dns_key != NULL && !challenge_list_has(&read, CHALLENGE_DNS_01) &&
            !challenge_list_has(&read, CHALLENGE_DNS_ACCOUNT_01) &&
            !challenge_list_has(&read, CHALLENGE_DNS_PERSIST_01))
            return err_set(
                why, ERR_USAGE,
                "--dns-key is for dns-01, which is not among those of --challenge");
    } else if (c->tls_port != 0 || c->http_port != 0 || c->http != NULL) {
        struct challenge_list set_up = {0};
        AUTO(buf) struct buf b = buf_make(LIST_OCTETS);
        if (c->http_port != 0 || c->http != NULL)
            challenge_list_add(&set_up, CHALLENGE_HTTP_01);
        if (c->tls_port != 0 || c->tls != NULL)
            challenge_list_add(&set_up, CHALLENGE_TLS_ALPN_01);
        if (m->members[SECTION_DNS] != NULL)
            challenge_list_add(&set_up, CHALLENGE_DNS_01);
        if (c->device != NULL && is_attested(c))
            challenge_list_add(&set_up, CHALLENGE_DEVICE_ATTEST_01);
        challenge_list_write(&b, &set_up);
        list = arena_string_of(c->arena, buf_span(&b));
    }
    if (list == NULL)
        return ERR_OK;
    return set(m, "certificates", m->members[SECTION_CERTIFICATE], "challenges", list,
               why);
}

/* An option of devices that would have no effect. */
static enum err refuse_without_device(const struct client_command *c,
                                      struct err_info *why)
{
    const char *given = c->identifiers.count > 0       ? "--identifier"
                        : c->pin_file != NULL          ? "--pin-file"
                        : c->attestation_ca != NULL    ? "--attestation-ca"
                        : c->attestation_chain != NULL ? "--attestation-chain"
                        : c->attestation_key != NULL   ? "--attestation-key"
                                                       : NULL;

    if (given != NULL && c->device == NULL)
        return err_set(why, ERR_USAGE, "%s is for a key in a device (--device)", given);
    return ERR_OK;
}

/* ---- all of it ---- */

static enum err apply_rows(struct making *m, struct err_info *why)
{
    for (size_t i = 0; i < ROW_COUNT; i++) {
        const struct setting *row = &rows[i];
        const char *value = NULL;
        const char *member = m->members[row->section];
        if (value_of(m, row, &value, why) != ERR_OK)
            return err_prefix(why, "%s", row->option);
        if (value == NULL)
            continue;
        TRY(set(m, section_names[row->section], member, row->key, value, why));
    }
    return ERR_OK;
}

/* A complaint about settings names the option it came from: "certificates.NAME: http:
 * ..." becomes "--http: ...". */
static enum err as_usage(const struct making *m, struct err_info *why)
{
    char *text = arena_string(m->c->arena, why->detail);

    for (size_t i = 0; i < ROW_COUNT; i++) {
        const struct setting *row = &rows[i];
        const char *member = m->members[row->section];
        if (member == NULL)
            continue;
        const char *section = section_names[row->section];
        const char *leads[] = {
            arena_printf(m->c->arena, "%s.%s: %s: ", section, member, row->key),
            arena_printf(m->c->arena, "%s.%s.%s: ", section, member, row->key),
            arena_printf(m->c->arena, "--set: %s.%s.%s: ", section, member, row->key),
            row->section == SECTION_CERTIFICATE /* of work_check */
                ? arena_printf(m->c->arena, "%s: ", row->key)
                : arena_printf(m->c->arena, "%s.%s: ", section, row->key)};
        for (size_t k = 0; k < sizeof leads / sizeof leads[0]; k++)
            if (strncmp(text, leads[k], strlen(leads[k])) == 0)
                return err_set(why, ERR_USAGE, "%s: %s", row->option,
                               text + strlen(leads[k]));
    }
    const char *rest = text;
    for (int k = 0; k < SECTION_COUNT; k++) {
        const char *lead =
            m->members[k] == NULL
                ? ""
                : arena_printf(m->c->arena, "%s.%s: ", section_names[k], m->members[k]);
        if (lead[0] != '\0' && strncmp(rest, lead, strlen(lead)) == 0)
            rest += strlen(lead);
    }
    if (strncmp(rest, "names: ", 7) == 0)
        rest += 7;
    return err_set(why, ERR_USAGE, "%s", rest);
}

static enum err make(struct making *m, const struct settings *base, struct wanted *w,
                     struct err_info *why)
{
    TRY(choose_ca(m, base, why));
    TRY(choose_dns(m, base, why));
    TRY(choose_deployments(m, base, why));
    TRY(choose_challenges(m, why));
    TRY(apply_rows(m, why));
    TRY(settings_check(m->c->arena, m->settings, why));
    settings_wanted(m->settings,
                    settings_certificate(m->settings, m->members[SECTION_CERTIFICATE]),
                    w);
    TRY(work_check(w, why));
    return work_places_check(work_places_read(m->c->arena, m->settings), NULL, w, why);
}

/* What it is called if nobody says it: as its first name, typed or in the request. */
static enum err find_title(struct making *m, const struct config_list *typed,
                           const char **title, struct err_info *why)
{
    struct config_list names = *typed;
    const char *path = NULL;

    if (m->c->csr != NULL && names.count == 0) {
        TRY(whole_path(m->c->arena, m->c->csr, &path, why));
        TRY(issuing_csr_names(m->c->arena, path, &names, why));
    }
    *title = settings_names_title(m->c->arena, &names);
    return ERR_OK;
}

enum err issue_settings_make(const struct client_command *c, const struct settings *base,
                             struct wanted *w, struct err_info *why)
{
    struct settings *s = arena_copy(c->arena, base, sizeof *base);
    struct making m = {.c = c, .settings = s};
    struct config_list names;

    TRY(refuse_without_device(c, why));
    if (c->eab_algorithm != NULL && c->eab_kid == NULL)
        return err_set(why, ERR_USAGE, "--eab-algorithm is for --eab-kid");
    TRY(read_names(c, &names, why));
    s->certificates = (struct config_group){0};
    const char *name = c->name;
    if (name == NULL && find_title(&m, &names, &name, why) != ERR_OK) {
        why->code = ERR_USAGE;
        return err_prefix(why, "--csr");
    }
    if (!settings_is_certificate_name(name))
        return err_set(why, ERR_USAGE,
                       "--name: \"%.100s\" has characters other than letters, digits, "
                       "\".\", \"_\" and \"-\"",
                       name);
    m.members[SECTION_CERTIFICATE] = name;
    TRY(set(&m, "certificates", name, "renew", base->defaults.renew, why));
    struct settings_certificate *made = s->certificates.members[0];
    made->names = names;
    enum err result = make(&m, base, w, why);
    return result == ERR_OK ? ERR_OK : as_usage(&m, why);
}
