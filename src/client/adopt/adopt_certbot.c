/* certbot: renewal/NAME.conf, live/NAME/, accounts/, renewal-hooks/, cli.ini. */
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "client/adopt/adopt.h"
#include "client/adopt/adopt_certbot.h"
#include "client/adopt/adopt_pairs.h"
#include "core/base/file.h"
#include "core/base/memory.h"
#include "core/base/text.h"
#include "core/jose/jwk_private.h"
#include "core/json/json_read.h"

#define PARAMETERS  "renewalparams"
#define CA_DEFAULT  "https://acme-v02.api.letsencrypt.org/directory"
#define NAME_SUFFIX ".conf"

/* Options of [renewalparams] that say nothing cairn would have to do. */
static const char *const harmless[] = {"account",
                                       "server",
                                       "authenticator",
                                       "installer",
                                       "key_type",
                                       "rsa_key_size",
                                       "elliptic_curve",
                                       "pref_challs",
                                       "pre_hook",
                                       "post_hook",
                                       "renew_hook",
                                       "deploy_hook",
                                       "webroot_path",
                                       "http01_port",
                                       "http01_address",
                                       "preferred_chain",
                                       "must_staple",
                                       "reuse_key",
                                       "config_dir",
                                       "work_dir",
                                       "logs_dir",
                                       "manual_auth_hook",
                                       "manual_cleanup_hook",
                                       "manual_public_ip_logging_ok",
                                       "preferred_profile",
                                       "required_profile",
                                       "rsa_key_size",
                                       "no_verify_ssl",
                                       "verb",
                                       "domains",
                                       "expand",
                                       "nginx_ctl",
                                       "nginx_server_root"};

static const char *parameter(const struct adopt_pairs *p, const char *key)
{
    const char *value = adopt_pairs_text(p, PARAMETERS, key);

    return strcmp(value, "None") == 0 ? "" : value;
}

static bool is_true(const struct adopt_pairs *p, const char *key)
{
    return strcmp(parameter(p, key), "True") == 0;
}

/* ---- accounts ---- */

/* accounts/HOST/PATH of the directory's URL. */
static const char *accounts_folder(const struct adopt *found, const char *ca)
{
    const char *rest = strstr(ca, "://");

    return arena_printf(found->arena, "%s/accounts/%s", found->folder,
                        rest != NULL ? rest + 3 : ca);
}

static const struct json *read_json(struct adopt *found, const char *path)
{
    struct err_info why = {0};
    const struct json *value = NULL;
    struct span text;

    if (file_read(found->arena, path, ADOPT_FILE_MAX, &text, &why) != ERR_OK ||
        json_read(found->arena, text, &value, &why) != ERR_OK) {
        adopt_remark(found, path, "not read: %s", why.detail);
        return NULL;
    }
    return value;
}

/* "mailto:" of the first contact, where it was kept. */
static const char *contact_of(const struct json *registration)
{
    const struct json *body = json_member(registration, "body");
    const struct json *contacts = json_member(body, "contact");
    const char *text = json_text(json_element(contacts, 0));

    return text != NULL && strncmp(text, "mailto:", 7) == 0 ? text + 7 : NULL;
}

static void take_account(struct adopt *found, const char *ca, const char *id)
{
    const char *folder =
        arena_printf(found->arena, "%s/%s", accounts_folder(found, ca), id);
    const char *key_file = file_path(found->arena, folder, "private_key.json");
    const struct json *jwk = read_json(found, key_file);
    const struct json *registration =
        read_json(found, file_path(found->arena, folder, "regr.json"));
    struct err_info why = {0};
    struct key *key = NULL;

    if (jwk == NULL)
        return;
    if (jwk_private_read(found->arena, jwk, &key, &why) != ERR_OK) {
        adopt_skip(found, key_file, "the account's key cannot be used: %s", why.detail);
        return;
    }
    arena_own(found->arena, key, key_drop);
    const char *url =
        registration != NULL ? json_text(json_member(registration, "uri")) : NULL;
    const char *email = registration != NULL ? contact_of(registration) : NULL;
    adopt_account_key(found, ca, url, email, key, key_file);
}

/* ---- one certificate ---- */

static void read_webroots(struct adopt *found, struct adopt_certificate *c,
                          const struct adopt_pairs *p)
{
    const char *folder = NULL;

    for (size_t i = 0; i < p->count; i++) {
        const struct adopt_pair *pair = &p->items[i];
        if (strcmp(pair->section, "webroot_map") != 0 || pair->value == NULL)
            continue;
        if (folder == NULL)
            folder = pair->value;
        else if (strcmp(folder, pair->value) != 0)
            adopt_remark(found, c->file,
                         "%s was proved in %s, other names in %s; cairn has one folder "
                         "for all of them: have the web server serve "
                         "/.well-known/acme-challenge/ of all from there",
                         pair->key, pair->value, folder);
    }
    if (folder == NULL) { /* "/var/www," */
        const char *path = parameter(p, "webroot_path");
        folder = arena_string_of(found->arena, span_make(path, strcspn(path, ",")));
    }
    if (folder[0] == '\0') {
        adopt_remark(found, c->file,
                     "it has no folder of the web server; a listener "
                     "answers http-01 instead");
        return;
    }
    c->want->http = arena_printf(found->arena, "webroot:%s", folder);
}

static void read_port(struct adopt *found, struct adopt_certificate *c,
                      const struct adopt_pairs *p)
{
    const char *text = parameter(p, "http01_port");
    uint64_t port = 0;

    if (text[0] == '\0')
        return;
    if (text_number(span_of(text), 65535, &port) && port > 0)
        c->want->http_port = (int64_t)port;
    else
        adopt_remark(found, c->file, "http01_port = %s is no port", text);
}

/* A program of a hook must be a path alone, as nothing is given to a shell then. */
static const char *program_of(struct adopt *found, struct adopt_certificate *c,
                              const char *hook)
{
    if (hook[0] == '/' && strpbrk(hook, " \t'\"$;&|<>*?`\\") == NULL)
        return hook;
    adopt_remark(found, c->file,
                 "manual hook \"%s\" is more than a path: put it into a script of its "
                 "own, and name that as program of the dns provider",
                 hook);
    return NULL;
}

static void read_manual(struct adopt *found, struct adopt_certificate *c,
                        const struct adopt_pairs *p)
{
    const char *auth = parameter(p, "manual_auth_hook");
    const char *cleanup = parameter(p, "manual_cleanup_hook");
    bool dns = strncmp(parameter(p, "pref_challs"), "dns", 3) == 0;

    if (auth[0] == '\0') {
        adopt_remark(found, c->file, "it was proved by hand; say how cairn may do it");
        return;
    }
    const char *program = program_of(found, c, auth);
    if (program == NULL)
        return;
    if (!dns) {
        adopt_remark(found, c->file,
                     "the hook %s answered http-01; cairn answers by a listener of its "
                     "own instead",
                     program);
        return;
    }
    const char *path = adopt_dns(found, c, "certbot");
    adopt_set(found, c, arena_printf(found->arena, "%s.program", path), program);
    if (cleanup[0] != '\0' && (program = program_of(found, c, cleanup)) != NULL)
        adopt_set(found, c, arena_printf(found->arena, "%s.cleanup_program", path),
                  program);
    adopt_list_add(found, &c->want->challenges, "dns-01");
}

/* How control of the names is proved. */
static void read_authenticator(struct adopt *found, struct adopt_certificate *c,
                               const struct adopt_pairs *p)
{
    const char *how = parameter(p, "authenticator");

    if (strcmp(how, "webroot") == 0)
        read_webroots(found, c, p);
    else if (strcmp(how, "standalone") == 0)
        read_port(found, c, p);
    else if (strcmp(how, "nginx") == 0 || strcmp(how, "apache") == 0)
        c->want->http = arena_string(found->arena, how);
    else if (strcmp(how, "manual") == 0)
        read_manual(found, c, p);
    else if (!adopt_certbot_plugin(found, c, p, how))
        adopt_remark(found, c->file,
                     "authenticator \"%s\" has no counterpart here; say how cairn proves "
                     "its names",
                     how);
}

/* ---- hooks ---- */

/* What is executable in renewal-hooks/KIND, in its order, joined; each for itself with
 * `each`. */
static const char *hooks_of(struct adopt *found, const char *kind,
                            struct adopt_certificate *each)
{
    struct arena *a = found->arena;
    const char *folder = arena_printf(a, "%s/renewal-hooks/%s", found->folder, kind);
    const char *const *names = NULL;
    const char *joined = "";
    size_t count = 0;

    adopt_list_folder(a, folder, &names, &count);
    for (size_t i = 0; i < count; i++) {
        const char *path = file_path(a, folder, names[i]);
        size_t len = strlen(names[i]);
        if (access(path, X_OK) != 0 || names[i][len - 1] == '~')
            continue;
        const char *command = adopt_pairs_quote(a, path);
        if (each != NULL)
            adopt_deploy_command(found, each, command);
        else
            joined = adopt_join_commands(found, joined, command);
    }
    return joined;
}

static void read_hooks(struct adopt *found, struct adopt_certificate *c,
                       const struct adopt_pairs *p)
{
    const char *installer = parameter(p, "installer");
    const char *renewed = parameter(p, "renew_hook");

    c->want->pre_hook = adopt_join_commands(found, hooks_of(found, "pre", NULL),
                                            parameter(p, "pre_hook"));
    c->want->post_hook = adopt_join_commands(found, hooks_of(found, "post", NULL),
                                             parameter(p, "post_hook"));
    (void)hooks_of(found, "deploy", c);
    adopt_deploy_command(found, c,
                         renewed[0] != '\0' ? renewed : parameter(p, "deploy_hook"));
    if (strcmp(installer, "nginx") == 0 || strcmp(installer, "apache") == 0)
        (void)adopt_deploy_target(found, c, installer);
    else if (installer[0] != '\0')
        adopt_remark(found, c->file, "installer \"%s\" has no counterpart here",
                     installer);
}

/* ---- the rest of the settings ---- */

/* "30 days", as ConfigObj has it. */
static void read_renewal(struct adopt *found, struct adopt_certificate *c,
                         const struct adopt_pairs *p)
{
    const char *text = adopt_pairs_text(p, "", "renew_before_expiry");
    size_t digits = strspn(text, "0123456789");
    const char *unit = text + digits + strspn(text + digits, " ");

    if (digits > 0 && (strncmp(unit, "day", 3) == 0 || strncmp(unit, "hour", 4) == 0))
        c->want->renew = arena_printf(found->arena, "%.*s%c", (int)digits, text, *unit);
    else if (text[0] != '\0')
        adopt_remark(found, c->file, "renew_before_expiry = %s is not taken over", text);
    if (strcmp(parameter(p, "autorenew"), "False") == 0)
        c->want->renew = "never";
}

static void read_options(struct adopt *found, struct adopt_certificate *c,
                         const struct adopt_pairs *p)
{
    const char *required = parameter(p, "required_profile");
    const char *preferred = parameter(p, "preferred_profile");

    c->want->reuse_key = is_true(p, "reuse_key");
    c->want->must_staple = is_true(p, "must_staple");
    c->want->preferred_chain = parameter(p, "preferred_chain");
    c->want->profile = required[0] != '\0' ? required : preferred;
    c->want->profile_required = required[0] != '\0' || preferred[0] == '\0';
    read_renewal(found, c, p);
}

/* What nobody here asked for. */
static void remark_unknown(struct adopt *found, struct adopt_certificate *c,
                           const struct adopt_pairs *p)
{
    for (size_t i = 0; i < p->count; i++) {
        const struct adopt_pair *pair = &p->items[i];
        bool known = strcmp(pair->section, PARAMETERS) != 0 || pair->value == NULL ||
                     pair->value[0] == '\0' || strcmp(pair->value, "None") == 0 ||
                     strcmp(pair->value, "False") == 0 ||
                     strncmp(pair->key, "dns_", 4) == 0 ||
                     strcmp(pair->key, "autorenew") == 0;
        for (size_t k = 0; k < sizeof harmless / sizeof harmless[0] && !known; k++)
            known = strcmp(harmless[k], pair->key) == 0;
        if (!known)
            adopt_remark(found, c->file, "%s = %s is not taken over", pair->key,
                         pair->value);
    }
}

static void take_certificate(struct adopt *found, const char *name, const char *path)
{
    struct arena *a = found->arena;
    struct err_info why = {0};
    struct adopt_pairs p = {0};

    if (adopt_pairs_read_ini(a, path, &p, &why) != ERR_OK) {
        adopt_skip(found, path, "not read: %s", why.detail);
        return;
    }
    const char *server = parameter(&p, "server");
    const char *ca = server[0] != '\0' ? server : CA_DEFAULT;
    struct adopt_certificate *c = adopt_certificate_add(found, name, path, ca);
    if (c == NULL)
        return;
    const char *key = adopt_pairs_text(&p, "", "privkey");
    const char *certificate = adopt_pairs_text(&p, "", "cert");
    const char *chain = adopt_pairs_text(&p, "", "chain");
    adopt_certificate_files(found, c, key, certificate, chain);
    read_options(found, c, &p);
    read_authenticator(found, c, &p);
    adopt_keep_paths(found, c, key, certificate, chain,
                     adopt_pairs_text(&p, "", "fullchain"));
    read_hooks(found, c, &p);
    remark_unknown(found, c, &p);
    if (parameter(&p, "account")[0] != '\0')
        take_account(found, ca, parameter(&p, "account"));
}

enum err adopt_certbot(struct adopt *found, struct err_info *why)
{
    struct arena *a = found->arena;
    const char *folder = file_path(a, found->folder, "renewal");
    const char *const *names = NULL;
    size_t suffix = strlen(NAME_SUFFIX);
    size_t count = 0;

    adopt_list_folder(a, folder, &names, &count);
    for (size_t i = 0; i < count; i++) {
        size_t len = strlen(names[i]);
        if (len > suffix && strcmp(names[i] + len - suffix, NAME_SUFFIX) == 0)
            take_certificate(found, arena_string_of(a, span_make(names[i], len - suffix)),
                             file_path(a, folder, names[i]));
    }
    const char *ini = file_path(a, found->folder, "cli.ini");
    if (file_exists(ini))
        adopt_remark(found, ini,
                     "not read: say what you set there for all certificates "
                     "in the section defaults of cairn.yaml");
    if (found->certificate_count == 0 && !file_exists(folder))
        return err_set(why, ERR_NOT_FOUND, "there is no certbot in %s: no folder renewal",
                       found->folder);
    return ERR_OK;
}
