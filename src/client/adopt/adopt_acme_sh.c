/* acme.sh: NAME/NAME.conf and NAME_ecc/, ca/HOST/PATH/, account.conf, dnsapi/. */
#include <stdio.h>
#include <string.h>

#include "client/adopt/adopt.h"
#include "client/adopt/adopt_pairs.h"
#include "core/base/file.h"
#include "core/base/text.h"

#define ECC_SUFFIX      "_ecc"
#define CREDENTIALS_MAX (64 * 1024)  /* octets */
#define SCRIPT_MAX      (512 * 1024) /* octets of a script of dnsapi */
#define NOTHING         "no"         /* how it writes that there is none */

/* What is common to all its certificates. */
struct acme_sh {
    struct adopt *found;
    struct adopt_pairs account; /* account.conf */
};

static const char *value(const struct adopt_pairs *p, const char *key)
{
    const char *text = adopt_pairs_text(p, "", key);

    return strcmp(text, NOTHING) == 0 ? "" : text;
}

/* ---- accounts ---- */

/* ca/HOST/PATH, without the port. */
static const char *ca_folder(const struct adopt *found, const char *ca)
{
    const char *rest = strstr(ca, "://");
    const char *host = rest != NULL ? rest + 3 : ca;
    const char *path = host + strcspn(host, "/");

    return arena_printf(found->arena, "%s/ca/%.*s%s", found->folder,
                        (int)strcspn(host, ":/"), host, path);
}

static void take_account(struct acme_sh *s, const char *ca)
{
    struct arena *a = s->found->arena;
    const char *folder = ca_folder(s->found, ca);
    const char *key_file = file_path(a, folder, "account.key");
    const char *conf = file_path(a, folder, "ca.conf");
    struct adopt_pairs p = {0};
    struct err_info why = {0};

    if (!file_exists(key_file))
        adopt_remark(s->found, key_file, "there is no account's key");
    else if (adopt_pairs_read_shell(a, conf, NULL, &p, &why) != ERR_OK)
        adopt_remark(s->found, conf, "not read: %s", why.detail);
    if (file_exists(key_file))
        adopt_account_pem(s->found, ca, adopt_pairs_get(&p, "", "ACCOUNT_URL"),
                          adopt_pairs_get(&p, "", "CA_EMAIL"), key_file);
}

/* ---- DNS ---- */

/* The script, in its own folder or where it is installed; empty if it is nowhere. */
static struct span read_script(struct acme_sh *s, const char *name)
{
    struct arena *a = s->found->arena;
    const char *own = arena_printf(a, "%s/dnsapi/%s.sh", s->found->folder, name);
    const char *common = s->found->dnsapi != NULL
                             ? arena_printf(a, "%s/%s.sh", s->found->dnsapi, name)
                             : NULL;
    struct err_info why = {0};
    struct span text = {0};

    if (common != NULL && file_read(a, common, SCRIPT_MAX, &text, &why) == ERR_OK)
        return text;
    if (file_read(a, own, SCRIPT_MAX, &text, &why) != ERR_OK)
        return (struct span){0};
    adopt_remark(
        s->found, own,
        "this script is used; say hooks.dnsapi: %s/dnsapi in cairn.yaml, as it is "
        "not in %s",
        s->found->folder, s->found->dnsapi != NULL ? s->found->dnsapi : "-");
    return text;
}

/* Is the variable a word of the script? */
static bool uses(struct arena *a, struct span script, const char *variable)
{
    const char *text = arena_string_of(a, script);
    size_t len = strlen(variable);

    for (const char *at = strstr(text, variable); at != NULL;
         at = strstr(at + 1, variable)) {
        char before = at > text ? at[-1] : ' ';
        char after = at[len];
        if (strspn((char[]){before, '\0'}, "_") == 0 &&
            !((before >= 'a' && before <= 'z') || (before >= 'A' && before <= 'Z')) &&
            !((after >= 'a' && after <= 'z') || (after >= 'A' && after <= 'Z') ||
              (after >= '0' && after <= '9') || after == '_'))
            return true;
    }
    return false;
}

/* The credentials of one script only; all there are if the script cannot be read. */
static void add_credentials(struct acme_sh *s, struct buf *b, const struct adopt_pairs *p,
                            struct span script)
{
    struct arena *a = s->found->arena;

    for (size_t i = 0; i < p->count; i++) {
        const char *key = p->items[i].key;
        if (strncmp(key, "SAVED_", 6) != 0 || p->items[i].value == NULL)
            continue;
        if (script.len == 0 || uses(a, script, key + 6))
            buf_printf(b, "%s=%s\n", key + 6, adopt_pairs_quote(a, p->items[i].value));
    }
}

/* `zone` is the name it is for, if others have another provider. */
static void take_script(struct acme_sh *s, struct adopt_certificate *c,
                        const struct adopt_pairs *p, const char *name, const char *zone)
{
    struct arena *a = s->found->arena;
    AUTO(buf) struct buf b = buf_make(CREDENTIALS_MAX);
    const char *provider = arena_printf(a, "acme.sh:%s", name);
    struct span script = read_script(s, name);
    const char *member = adopt_member_name(a, provider);
    const char *path = NULL;

    if (zone == NULL)
        path = adopt_dns(s->found, c, provider);
    else {
        path = arena_printf(a, "dns.%s", member);
        adopt_set(s->found, c, arena_printf(a, "%s.provider", path), provider);
        adopt_list_add(s->found, &c->want->dns, arena_printf(a, "%s=%s", zone, member));
    }
    add_credentials(s, &b, &s->account, script);
    add_credentials(s, &b, p, script);
    if (b.len == 0) {
        adopt_remark(s->found, c->file, "no credentials for %s are kept", name);
        return;
    }
    adopt_set(s->found, c, arena_printf(a, "%s.credentials", path),
              adopt_secret_add(s->found, arena_printf(a, "%s.env", name), buf_span(&b)));
}

/* ---- how names are proved ---- */

static void read_ports(struct acme_sh *s, struct adopt_certificate *c,
                       const struct adopt_pairs *p)
{
    uint64_t port = 0;

    if (text_number(span_of(value(p, "Le_HTTPPort")), 65535, &port) && port > 0)
        c->want->http_port = (int64_t)port;
    if (text_number(span_of(value(p, "Le_TLSPort")), 65535, &port) && port > 0)
        c->want->tls_port = (int64_t)port;
    if (value(p, "Le_LocalAddress")[0] != '\0')
        adopt_remark(s->found, c->file, "Le_LocalAddress = %s: cairn listens everywhere",
                     value(p, "Le_LocalAddress"));
}

static void set_http(struct acme_sh *s, struct adopt_certificate *c, const char *http,
                     const char *name)
{
    bool first = strcmp(c->want->http, c->settings.defaults.http) == 0;

    if (!first && strcmp(c->want->http, http) != 0)
        adopt_remark(s->found, c->file,
                     "%s was proved by %s; cairn proves all names by %s", name, http,
                     c->want->http);
    else
        c->want->http = http;
    adopt_list_add(s->found, &c->want->challenges, "http-01");
}

/* One element of Le_Webroot, for one name (NULL: for all). */
static void read_way(struct acme_sh *s, struct adopt_certificate *c,
                     const struct adopt_pairs *p, const char *way, const char *name)
{
    struct arena *a = s->found->arena;
    const char *shown = name != NULL ? name : c->name;

    if (way[0] == '/')
        set_http(s, c, arena_printf(a, "webroot:%s", way), shown);
    else if (way[0] == '\0' || strcmp(way, NOTHING) == 0)
        set_http(s, c, "standalone", shown);
    else if (strcmp(way, "stateless") == 0)
        set_http(s, c, way, shown);
    else if (strncmp(way, "nginx", 5) == 0 || strncmp(way, "apache", 6) == 0)
        set_http(s, c, way[0] == 'n' ? "nginx" : "apache", shown);
    else if (strcmp(way, "alpn") == 0)
        adopt_list_add(s->found, &c->want->challenges, "tls-alpn-01");
    else if (strcmp(way, "dns_persist") == 0)
        adopt_list_add(s->found, &c->want->challenges, "dns-persist-01");
    else if (strncmp(way, "dns_", 4) == 0) {
        adopt_list_add(s->found, &c->want->challenges, "dns-01");
        take_script(s, c, p, way, name);
    } else
        adopt_remark(s->found, c->file,
                     "%s was proved by \"%s\", which has no counterpart here", shown,
                     way);
}

/* Le_Webroot: ways with commas between them, one for each name, the last for the rest. */
static void read_ways(struct acme_sh *s, struct adopt_certificate *c,
                      const struct adopt_pairs *p)
{
    struct arena *a = s->found->arena;
    const char *ways = adopt_pairs_text(p, "", "Le_Webroot");
    bool several = strchr(ways, ',') != NULL;
    const char *rest = ways;

    for (size_t i = 0; i == 0 || (several && i < c->want->names.count); i++) {
        size_t len = strcspn(rest, ",");
        const char *name =
            several && i < c->want->names.count ? c->want->names.items[i] : NULL;
        if (name != NULL && strncmp(name, "*.", 2) == 0)
            name += 2;
        read_way(s, c, p, arena_string_of(a, span_make(rest, len)), name);
        if (rest[len] == ',')
            rest += len + 1;
    }
    if (value(p, "Le_ChallengeAlias")[0] != '\0')
        adopt_remark(s->found, c->file,
                     "challenge alias %s: cairn follows the CNAME at _acme-challenge by "
                     "itself",
                     value(p, "Le_ChallengeAlias"));
}

/* ---- one certificate ---- */

/* `stem` is the path of its files without what they end in. Where files are installed,
 * nobody should read these. */
static void read_install(struct acme_sh *s, struct adopt_certificate *c,
                         const struct adopt_pairs *p, const char *folder,
                         const char *stem)
{
    static const struct {
        const char *key;
        const char *option;
    } files[] = {
        {"Le_RealKeyPath", "key_file"},
        {"Le_RealCertPath", "certificate_file"},
        {"Le_RealCACertPath", "chain_file"},
        {"Le_RealFullChainPath", "fullchain_file"},
    };
    struct arena *a = s->found->arena;
    const char *name = NULL;

    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        const char *path = value(p, files[i].key);
        if (path[0] == '\0')
            continue;
        if (name == NULL)
            name = adopt_deploy_target(s->found, c, "files");
        adopt_set(s->found, c,
                  arena_printf(a, "deployments.%s.%s", name, files[i].option), path);
    }
    if (s->found->keep_paths || name == NULL)
        adopt_keep_paths(s->found, c, arena_printf(a, "%s.key", stem),
                         arena_printf(a, "%s.cer", stem), file_path(a, folder, "ca.cer"),
                         file_path(a, folder, "fullchain.cer"));
    adopt_deploy_command(s->found, c, value(p, "Le_ReloadCmd"));
    adopt_deploy_command(s->found, c, value(p, "Le_RenewHook"));
    if (value(p, "Le_DeployHook")[0] != '\0')
        adopt_remark(s->found, c->file,
                     "deploy hook %s is not taken over: set up a deployment for it",
                     value(p, "Le_DeployHook"));
}

static void read_options(struct acme_sh *s, struct adopt_certificate *c,
                         const struct adopt_pairs *p)
{
    c->want->pre_hook = value(p, "Le_PreHook");
    c->want->post_hook = value(p, "Le_PostHook");
    c->want->preferred_chain = value(p, "Le_Preferred_Chain");
    c->want->profile = value(p, "Le_Certificate_Profile");
    c->want->must_staple = strcmp(value(p, "Le_OCSP_Staple"), "1") == 0;
    c->want->reuse_key = strcmp(value(p, "Le_ForceNewDomainKey"), "1") != 0;
    if (value(p, "Le_Valid_To")[0] != '\0')
        adopt_remark(s->found, c->file, "Le_Valid_To = %s: say lifetime in its settings",
                     value(p, "Le_Valid_To"));
    if (value(p, "Le_RenewalDays")[0] != '\0' &&
        strcmp(value(p, "Le_RenewalDays"), "30") != 0)
        adopt_remark(s->found, c->file,
                     "Le_RenewalDays = %s: cairn renews when the CA says so, or with a "
                     "third of the lifetime left",
                     value(p, "Le_RenewalDays"));
}

/* What it is for, in the order of Le_Webroot. */
static void read_names(struct acme_sh *s, struct adopt_certificate *c,
                       const struct adopt_pairs *p)
{
    const char *rest = value(p, "Le_Alt");

    c->want->names = (struct config_list){0};
    adopt_list_add(s->found, &c->want->names, value(p, "Le_Domain"));
    while (rest[0] != '\0') {
        size_t len = strcspn(rest, ",");
        if (len > 0)
            adopt_list_add(s->found, &c->want->names,
                           arena_string_of(s->found->arena, span_make(rest, len)));
        rest += len + (rest[len] == ',' ? 1 : 0);
    }
}

/* Le_API may be the name of a CA. */
static const char *ca_of(struct acme_sh *s, const struct adopt_pairs *p)
{
    const char *ca = value(p, "Le_API");

    if (ca[0] == '\0')
        ca = value(&s->account, "DEFAULT_ACME_SERVER");
    return strncmp(ca, "https://", 8) == 0 ? ca : s->found->ca;
}

/* `base` is the name of its files: that of the folder, without "_ecc". */
static void take_certificate(struct acme_sh *s, const char *folder_name, const char *base)
{
    struct arena *a = s->found->arena;
    const char *folder = file_path(a, s->found->folder, folder_name);
    const char *conf = arena_printf(a, "%s/%s.conf", folder, base);
    struct adopt_pairs p = {0};
    struct err_info why = {0};

    if (adopt_pairs_read_shell(a, conf, NULL, &p, &why) != ERR_OK) {
        adopt_skip(s->found, conf, "not read: %s", why.detail);
        return;
    }
    const char *ca = ca_of(s, &p);
    if (ca == NULL) {
        adopt_skip(s->found, conf,
                   "it does not say which CA it is from (Le_API): say "
                   "--ca URL");
        return;
    }
    struct adopt_certificate *c = adopt_certificate_add(s->found, folder_name, conf, ca);
    if (c == NULL)
        return;
    read_names(s, c, &p);
    adopt_certificate_files(s->found, c, arena_printf(a, "%s/%s.key", folder, base),
                            arena_printf(a, "%s/%s.cer", folder, base),
                            file_path(a, folder, "ca.cer"));
    read_options(s, c, &p);
    read_ports(s, c, &p);
    read_ways(s, c, &p);
    read_install(s, c, &p, folder, file_path(a, folder, base));
    take_account(s, ca);
}

enum err adopt_acme_sh(struct adopt *found, struct err_info *why)
{
    struct arena *a = found->arena;
    struct acme_sh s = {.found = found};
    const char *conf = file_path(a, found->folder, "account.conf");
    const char *const *names = NULL;
    struct err_info ignored = {0};
    size_t count = 0;

    if (file_exists(conf) &&
        adopt_pairs_read_shell(a, conf, NULL, &s.account, &ignored) != ERR_OK)
        adopt_remark(found, conf, "not read: %s", ignored.detail);
    adopt_list_folder(a, found->folder, &names, &count);
    for (size_t i = 0; i < count; i++) {
        size_t len = strlen(names[i]);
        size_t suffix = strlen(ECC_SUFFIX);
        bool ecc = len > suffix && strcmp(names[i] + len - suffix, ECC_SUFFIX) == 0;
        const char *base =
            arena_string_of(a, span_make(names[i], ecc ? len - suffix : len));
        if (file_exists(arena_printf(a, "%s/%s/%s.conf", found->folder, names[i], base)))
            take_certificate(&s, names[i], base);
    }
    if (found->certificate_count == 0 && !file_exists(conf))
        return err_set(
            why, ERR_NOT_FOUND,
            "there is no acme.sh in %s: neither account.conf nor a certificate",
            found->folder);
    return ERR_OK;
}
