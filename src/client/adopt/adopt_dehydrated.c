/* dehydrated: config, conf.d/, domains.txt, accounts/HASH/, certs/NAME/. */
#include <stdio.h>
#include <string.h>

#include "client/adopt/adopt.h"
#include "client/adopt/adopt_pairs.h"
#include "core/base/base64url.h"
#include "core/base/file.h"
#include "core/base/text.h"
#include "core/json/json_read.h"

#define CHALLENGE_PATH "/.well-known/acme-challenge"

struct dehydrated {
    struct adopt *found;
    struct adopt_pairs config; /* of all its files, later ones behind */
    const char *base;          /* BASEDIR */
};

/* Names that CA may have in its config. */
static const struct {
    const char *name;
    const char *url;
} presets[] = {
    {"letsencrypt", "https://acme-v02.api.letsencrypt.org/directory"},
    {"letsencrypt-test", "https://acme-staging-v02.api.letsencrypt.org/directory"},
    {"zerossl", "https://acme.zerossl.com/v2/DV90"},
    {"buypass", "https://api.buypass.com/acme/directory"},
    {"buypass-test", "https://api.test4.buypass.no/acme/directory"},
};

static const char *setting(const struct dehydrated *d, const struct adopt_pairs *own,
                           const char *key, const char *fallback)
{
    const char *value = own != NULL ? adopt_pairs_text(own, "", key) : "";

    if (value[0] == '\0')
        value = adopt_pairs_text(&d->config, "", key);
    return value[0] != '\0' ? value : fallback;
}

static const char *in_base(const struct dehydrated *d, const char *key, const char *name)
{
    return setting(d, NULL, key, file_path(d->found->arena, d->base, name));
}

static const char *ca_url(const struct dehydrated *d)
{
    const char *ca = setting(d, NULL, "CA", "letsencrypt");

    for (size_t i = 0; i < sizeof presets / sizeof presets[0]; i++)
        if (strcmp(presets[i].name, ca) == 0)
            return presets[i].url;
    return ca;
}

/* ---- configuration ---- */

static void read_config(struct dehydrated *d, const char *path)
{
    struct arena *a = d->found->arena;
    struct adopt_pairs more = {0};
    struct err_info why = {0};

    if (adopt_pairs_read_shell(a, path, &d->config, &more, &why) != ERR_OK) {
        if (file_exists(path))
            adopt_remark(d->found, path, "not read: %s", why.detail);
        return;
    }
    struct adopt_pair *all =
        arena_array(a, d->config.count + more.count + 1, sizeof *all);
    for (size_t i = 0; i < d->config.count; i++)
        all[i] = d->config.items[i];
    for (size_t i = 0; i < more.count; i++) {
        all[d->config.count + i] = more.items[i];
        if (more.items[i].value == NULL)
            adopt_remark(d->found, path, "%s is not taken over: it would take a shell",
                         more.items[i].key);
    }
    d->config = (struct adopt_pairs){.items = all, .count = d->config.count + more.count};
}

static void read_configs(struct dehydrated *d)
{
    struct arena *a = d->found->arena;
    const char *const *names = NULL;
    size_t count = 0;

    /* BASEDIR is known to the config before it says another */
    struct adopt_pair *base = arena_get(a, sizeof *base);
    *base =
        (struct adopt_pair){.section = "", .key = "BASEDIR", .value = d->found->folder};
    d->config = (struct adopt_pairs){.items = base, .count = 1};
    read_config(d, file_path(a, d->found->folder, "config"));
    const char *more = adopt_pairs_text(&d->config, "", "CONFIG_D");
    if (more[0] != '\0')
        adopt_list_folder(a, more, &names, &count);
    for (size_t i = 0; i < count; i++) {
        size_t len = strlen(names[i]);
        if (len > 3 && strcmp(names[i] + len - 3, ".sh") == 0)
            read_config(d, file_path(a, more, names[i]));
    }
    d->base = setting(d, NULL, "BASEDIR", d->found->folder);
}

/* ---- account ---- */

static void take_account(struct dehydrated *d, const char *ca)
{
    struct arena *a = d->found->arena;
    const char *hash = base64url_string(a, span_of(arena_printf(a, "%s\n", ca)));
    const char *folder = file_path(a, in_base(d, "ACCOUNTDIR", "accounts"), hash);
    const char *key = file_path(a, folder, "account_key.pem");
    const struct json *id = NULL;
    struct err_info why = {0};
    struct span text;

    if (!file_exists(key)) {
        adopt_remark(d->found, key, "there is no account's key");
        return;
    }
    if (file_read(a, file_path(a, folder, "account_id.json"), ADOPT_FILE_MAX, &text,
                  &why) != ERR_OK ||
        json_read(a, text, &id, &why) != ERR_OK)
        id = NULL;
    adopt_account_pem(d->found, ca, json_text(json_member(id, "url")),
                      setting(d, NULL, "CONTACT_EMAIL", NULL), key);
}

/* ---- certificates ---- */

static void set_key(struct dehydrated *d, struct adopt_certificate *c,
                    const struct adopt_pairs *own)
{
    const char *algorithm = setting(d, own, "KEY_ALGO", "secp384r1");
    const char *size = setting(d, own, "KEYSIZE", "4096");
    const char *type = strcmp(algorithm, "rsa") == 0
                           ? arena_printf(d->found->arena, "rsa%s", size)
                       : strcmp(algorithm, "prime256v1") == 0 ? "p256"
                                                              : "p384";

    c->want->keys = (struct config_list){0};
    adopt_list_add(d->found, &c->want->keys, type);
    c->want->reuse_key = strcmp(setting(d, own, "PRIVATE_KEY_RENEW", "yes"), "no") == 0;
    c->want->next_key = strcmp(setting(d, own, "PRIVATE_KEY_ROLLOVER", "no"), "yes") == 0;
    c->want->must_staple = strcmp(setting(d, own, "OCSP_MUST_STAPLE", "no"), "yes") == 0;
    c->want->preferred_chain = setting(d, own, "PREFERRED_CHAIN", "");
    c->want->profile = setting(d, own, "ACME_PROFILE", "");
}

/* WELLKNOWN is what the web server shows at the path of challenges. */
static void set_http(struct dehydrated *d, struct adopt_certificate *c,
                     const struct adopt_pairs *own)
{
    const char *folder = setting(d, own, "WELLKNOWN", "/var/www/dehydrated");
    size_t len = strlen(folder);
    size_t path = strlen(CHALLENGE_PATH);

    while (len > 1 && folder[len - 1] == '/')
        len--;
    if (len > path && strncmp(folder + len - path, CHALLENGE_PATH, path) == 0)
        c->want->http =
            arena_printf(d->found->arena, "webroot:%.*s", (int)(len - path), folder);
    else
        c->want->http = arena_printf(d->found->arena, "tokens:%.*s", (int)len, folder);
}

static void set_challenge(struct dehydrated *d, struct adopt_certificate *c,
                          const struct adopt_pairs *own, const char *hook)
{
    const char *type = setting(d, own, "CHALLENGETYPE", "http-01");

    adopt_list_add(d->found, &c->want->challenges, type);
    if (strcmp(type, "http-01") == 0)
        set_http(d, c, own);
    else if (strcmp(type, "dns-01") == 0 && hook[0] == '/') {
        const char *path = adopt_dns(d->found, c, "dehydrated");
        adopt_set(d->found, c, arena_printf(d->found->arena, "%s.program", path), hook);
    } else if (strcmp(type, "dns-01") == 0)
        adopt_remark(d->found, c->file, "HOOK = %s is no absolute path", hook);
    else
        adopt_remark(d->found, c->file,
                     "tls-alpn-01 was answered by a server with the certificates of "
                     "ALPNCERTDIR; cairn has a listener of its own on port 443");
}

/* The operations of a hook that are no challenges. */
static void set_hooks(struct dehydrated *d, struct adopt_certificate *c, const char *hook)
{
    struct arena *a = d->found->arena;

    if (hook[0] == '\0')
        return;
    const char *quoted = adopt_pairs_quote(a, hook);
    c->want->pre_hook = arena_printf(a, "%s startup_hook", quoted);
    c->want->post_hook = arena_printf(a, "%s exit_hook", quoted);
    adopt_deploy_command(
        d->found, c,
        arena_printf(a,
                     "%s deploy_cert %s \"$CAIRN_KEY\" \"$CAIRN_CERTIFICATE\" "
                     "\"$CAIRN_FULLCHAIN\" \"$CAIRN_CHAIN\" \"$(date +%%s)\"",
                     quoted, adopt_pairs_quote(a, c->want->names.items[0])));
}

static void take_certificate(struct dehydrated *d, const char *alias,
                             const struct config_list *names)
{
    struct arena *a = d->found->arena;
    const char *folder = file_path(a, in_base(d, "CERTDIR", "certs"), alias);
    const char *domains_d = setting(d, NULL, "DOMAINS_D", "");
    const char *own_file = domains_d[0] != '\0' ? file_path(a, domains_d, alias)
                                                : file_path(a, folder, "config");
    const char *key = file_path(a, folder, "privkey.pem");
    const char *certificate = file_path(a, folder, "cert.pem");
    const char *chain = file_path(a, folder, "chain.pem");
    struct adopt_pairs own = {0};
    struct err_info why = {0};

    if (file_exists(own_file) &&
        adopt_pairs_read_shell(a, own_file, &d->config, &own, &why) != ERR_OK)
        adopt_remark(d->found, own_file, "not read: %s", why.detail);
    struct adopt_certificate *c =
        adopt_certificate_add(d->found, alias, folder, ca_url(d));
    if (c == NULL)
        return;
    const char *hook = setting(d, &own, "HOOK", "");
    c->want->names = *names;
    set_key(d, c, &own);
    adopt_certificate_files(d->found, c, key, certificate, chain);
    set_challenge(d, c, &own, hook);
    adopt_keep_paths(d->found, c, key, certificate, chain,
                     file_path(a, folder, "fullchain.pem"));
    set_hooks(d, c, hook);
    if (setting(d, &own, "RENEW_DAYS", "")[0] != '\0')
        c->want->renew = arena_printf(a, "%sd", setting(d, &own, "RENEW_DAYS", ""));
}

/* "name name > alias" */
static void read_line(struct dehydrated *d, char *line)
{
    struct config_list names = {0};
    const char *alias = NULL;
    bool behind = false;
    char *save = NULL;

    text_lower(line);
    for (char *word = strtok_r(line, " \t\r", &save); word != NULL;
         word = strtok_r(NULL, " \t\r", &save)) {
        if (word[0] == '>') {
            behind = true;
            word++;
        }
        if (word[0] == '\0')
            continue;
        if (behind)
            alias = word;
        else
            adopt_list_add(d->found, &names, word);
    }
    if (names.count == 0)
        return;
    take_certificate(
        d, arena_string(d->found->arena, alias != NULL ? alias : names.items[0]), &names);
}

enum err adopt_dehydrated(struct adopt *found, struct err_info *why)
{
    struct dehydrated d = {.found = found};
    struct span text = {0};
    char *save = NULL;

    read_configs(&d);
    const char *domains = in_base(&d, "DOMAINS_TXT", "domains.txt");
    enum err result = file_read(found->arena, domains, ADOPT_FILE_MAX, &text, why);
    if (result == ERR_NOT_FOUND)
        return err_set(why, ERR_NOT_FOUND, "there is no dehydrated in %s: no %s",
                       found->folder, domains);
    TRY(result);
    char *lines = arena_string_of(found->arena, text);
    for (char *line = strtok_r(lines, "\n", &save); line != NULL;
         line = strtok_r(NULL, "\n", &save))
        if (line[strspn(line, " \t")] != '#')
            read_line(&d, line);
    take_account(&d, ca_url(&d));
    return ERR_OK;
}
