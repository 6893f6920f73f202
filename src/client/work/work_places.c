/* Looking at files and folders. */
#include "client/work/work_places.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/deploy/deploy_content.h"
#include "client/dns/dns_provider.h"
#include "client/solve/splice.h"
#include "client/store/account_store.h"
#include "client/work/issuing_csr.h"
#include "core/net/address.h"

#define CREDENTIAL "credential:"

/* A file that is written for a certificate. */
struct claim {
    const char *certificate;
    const char *deployment;
    struct deploy_content_place place;
};

struct work_places {
    const struct settings *of;
    struct claim *items; /* sorted by path */
    size_t count;
};

/* ---- what is written ---- */

static int compare(const void *x, const void *y)
{
    const struct claim *one = x;
    const struct claim *other = y;
    int order = strcmp(one->place.path, other->place.path);

    return order != 0 ? order : strcmp(one->certificate, other->certificate);
}

/* Those of one certificate, in the order in which they are written. A deployment that is
 * there twice is one. */
static size_t list_claims(struct arena *a, const struct wanted *w, struct claim **claims)
{
    struct deploy_content_place places[DEPLOY_FILES_MAX];
    struct claim *list = NULL;
    size_t used = 0;

    for (size_t i = 0; i < w->deployment_count; i++) {
        const struct settings_deployment *d = w->deployments[i];
        bool again = false;
        for (size_t k = 0; k < i; k++)
            again = again || w->deployments[k] == d;
        size_t count =
            again ? 0 : deploy_content_list(a, d, &w->certificate->keys, places);
        struct claim *more = arena_array(a, used + count + 1, sizeof *more);
        if (used > 0)
            memcpy(more, list, used * sizeof *more);
        for (size_t k = 0; k < count; k++)
            more[used++] = (struct claim){w->certificate->name, d->name, places[k]};
        list = more;
    }
    *claims = list;
    return used;
}

struct work_places *work_places_read(struct arena *a, const struct settings *s)
{
    struct work_places *p = arena_get(a, sizeof *p);
    size_t room = 0;

    *p = (struct work_places){.of = s};
    for (size_t i = 0; i < s->certificates.count; i++) {
        const struct settings_certificate *c = s->certificates.members[i];
        struct claim *one = NULL;
        struct wanted w;
        if (c->deploy.count == 0)
            continue;
        settings_wanted(s, c, &w);
        size_t count = list_claims(a, &w, &one);
        if (p->count + count > room) {
            room = 2 * (p->count + count);
            struct claim *more = arena_array(a, room, sizeof *more);
            if (p->count > 0)
                memcpy(more, p->items, p->count * sizeof *more);
            p->items = more;
        }
        if (count > 0)
            memcpy(p->items + p->count, one, count * sizeof *one);
        p->count += count;
    }
    if (p->count > 0)
        qsort(p->items, p->count, sizeof *p->items, compare);
    return p;
}

const struct work_places *work_places_know(struct arena *a,
                                           const struct work_places *known,
                                           const struct settings *s)
{
    return known != NULL && known->of == s ? known : work_places_read(a, s);
}

static enum err refuse(const struct claim *c, const struct claim *other,
                       struct err_info *why)
{
    const char *path = c->place.path;

    if (strcmp(c->certificate, other->certificate) != 0)
        (void)err_set(why, ERR_CONFIG,
                      "%s: %.200s is written for certificates.%.100s, too: each needs "
                      "files of its own",
                      c->place.option, path, other->certificate);
    else if (strcmp(c->deployment, other->deployment) != 0)
        (void)err_set(why, ERR_CONFIG,
                      "%s: %.200s is written by deployments.%s, too: say two files",
                      c->place.option, path, other->deployment);
    else if (strcmp(c->place.option, other->place.option) != 0)
        (void)err_set(why, ERR_CONFIG, "%s: it is %.200s, as %s is: say two files",
                      c->place.option, path, other->place.option);
    else
        (void)err_set(why, ERR_CONFIG,
                      "%s: %.200s would be written for %s and for %s: put KEY into it",
                      c->place.option, path, other->place.key_type, c->place.key_type);
    return err_prefix(why, "deployments.%s", c->deployment);
}

/* The first one of that path that another certificate has. */
static const struct claim *find_other(const struct work_places *p, const struct claim *c)
{
    size_t low = 0;
    size_t high = p->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(p->items[middle].place.path, c->place.path) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < p->count && strcmp(p->items[low].place.path, c->place.path) == 0; low++)
        if (strcmp(p->items[low].certificate, c->certificate) != 0)
            return &p->items[low];
    return NULL;
}

static enum err check_twice(const struct work_places *p, const struct claim *claims,
                            size_t count, struct err_info *why)
{
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < i; k++)
            if (strcmp(claims[i].place.path, claims[k].place.path) == 0)
                return refuse(&claims[i], &claims[k], why);
        const struct claim *other = find_other(p, &claims[i]);
        if (other != NULL)
            return refuse(&claims[i], other, why);
    }
    return ERR_OK;
}

/* ---- what has to be there ---- */

static bool is_folder(const char *path)
{
    struct stat about;

    return stat(path, &about) == 0 && S_ISDIR(about.st_mode);
}

/* May it be made by a command that is run before it is looked for? */
static bool may_be_made(const struct wanted *w, const char *deployment)
{
    for (size_t i = 0; deployment != NULL && i < w->deployment_count; i++) {
        if (strcmp(w->deployments[i]->name, deployment) == 0)
            break;
        if (w->deployments[i]->command[0] != '\0')
            return true;
    }
    return w->certificate->pre_hook[0] != '\0';
}

static enum err check_folders(struct arena *a, const struct wanted *w,
                              const struct claim *claims, size_t count,
                              struct err_info *why)
{
    for (size_t i = 0; i < count; i++) {
        char *folder = arena_string(a, claims[i].place.path);
        char *slash = strrchr(folder, '/');
        slash[slash == folder] = '\0';
        if (is_folder(folder) || may_be_made(w, claims[i].deployment))
            continue;
        return err_set(why, ERR_CONFIG,
                       "deployments.%s: %s: there is no folder %.200s; make it first",
                       claims[i].deployment, claims[i].place.option, folder);
    }
    return ERR_OK;
}

static enum err check_readable(const char *option, const char *path, struct err_info *why)
{
    if (path[0] == '\0' || strncmp(path, CREDENTIAL, strlen(CREDENTIAL)) == 0 ||
        (access(path, R_OK) == 0 && !is_folder(path)))
        return ERR_OK;
    if (is_folder(path))
        return err_set(why, ERR_CONFIG, "%s: %.200s is a folder, and no file", option,
                       path);
    return err_set_os(why, ERR_CONFIG, errno, "%s: cannot read %.200s", option, path);
}

/* An account that is there has its binding. */
static enum err check_ca(struct arena *a, const char *directory,
                         const struct settings_ca *ca, struct err_info *why)
{
    struct account account = {0};
    struct err_info ignored = {0};

    TRY(check_readable("ca_file", ca->ca_file, why));
    if (ca->eab_key_file[0] == '\0')
        return ERR_OK;
    if (directory != NULL &&
        account_store_find(a, directory, ca->directory, &account, &ignored) == ERR_OK &&
        account.url != NULL)
        return ERR_OK;
    return check_readable("eab_key_file", ca->eab_key_file, why);
}

static enum err check_http(const struct wanted *w, struct err_info *why)
{
    const char *way = w->certificate->http;
    const char *colon = strchr(way, ':');
    const char *path = colon != NULL ? colon + 1 : "";
    bool is_program = strncmp(way, "hook:", 5) == 0 || strncmp(way, "uacme:", 6) == 0;
    bool is_web = strncmp(way, "webroot:", 8) == 0 || strncmp(way, "tokens:", 7) == 0;

    if (!challenge_list_has(&w->certificate->challenge_types, CHALLENGE_HTTP_01) ||
        (!is_program && !is_web))
        return ERR_OK;
    if (is_program && path[0] != '/')
        return err_set(why, ERR_CONFIG,
                       "http: write the program's whole path, from / on, not %.200s",
                       path);
    if (may_be_made(w, NULL))
        return ERR_OK;
    if (is_program && (access(path, X_OK) != 0 || is_folder(path)))
        return err_set(why, ERR_CONFIG,
                       "http: %.200s is not there or cannot be run (chmod +x)", path);
    if (is_web && !is_folder(path))
        return err_set(why, ERR_CONFIG, "http: there is no folder %.200s", path);
    return ERR_OK;
}

static enum err check_splice(const struct wanted *w, struct err_info *why)
{
    const struct settings_certificate *c = w->certificate;
    const struct address own = {.family = ADDRESS_V6, .port = (uint16_t)c->tls_port};

    if (!challenge_list_has(&c->challenge_types, CHALLENGE_TLS_ALPN_01) ||
        !splice_leads_back(c->tls, &own))
        return ERR_OK;
    return err_set(
        why, ERR_CONFIG,
        "tls: %.100s is the port that cairn listens on itself (tls_port): have "
        "the server there listen on another one, and say that",
        c->tls);
}

/* Only these challenges have records added. */
static enum err check_dns(const struct wanted *w, const struct settings_dns *dns,
                          struct err_info *why)
{
    const struct challenge_list *types = &w->certificate->challenge_types;

    if (check_readable("ca_file", dns->ca_file, why) != ERR_OK)
        return err_prefix(why, "dns.%s", dns->name);
    if (!challenge_list_has(types, CHALLENGE_DNS_01) &&
        !challenge_list_has(types, CHALLENGE_DNS_ACCOUNT_01))
        return ERR_OK;
    return dns_provider_check_there(dns, w->settings, why);
}

/* ---- all of it ---- */

/* Of a request the type of the key is not known here. */
static enum err check_key(const struct wanted *w, const struct settings_deployment *d,
                          struct err_info *why)
{
    const struct settings_certificate *c = w->certificate;

    if (d->key[0] == '\0' || c->csr[0] != '\0')
        return ERR_OK;
    for (size_t i = 0; i < c->keys.count; i++)
        if (strcmp(c->keys.items[i], d->key) == 0)
            return ERR_OK;
    return err_set(why, ERR_CONFIG,
                   "deployments.%s: key: the certificate has no key of type \"%.50s\"",
                   d->name, d->key);
}

enum err work_places_check(const struct work_places *places, const char *directory,
                           const struct wanted *w, struct err_info *why)
{
    AUTO(arena) struct arena *a = arena_new();
    struct claim *claims = NULL;
    size_t count = list_claims(a, w, &claims);

    TRY(check_twice(places, claims, count, why));
    TRY(check_folders(a, w, claims, count, why));
    for (size_t i = 0; i < w->deployment_count; i++)
        TRY(check_key(w, w->deployments[i], why));
    for (size_t i = 0; i < w->ca_count; i++)
        if (check_ca(a, directory, w->cas[i], why) != ERR_OK)
            return err_prefix(why, "cas.%s", w->cas[i]->name);
    for (size_t i = 0; i < w->dns_count; i++)
        TRY(check_dns(w, w->dns[i].dns, why));
    TRY(check_http(w, why));
    TRY(check_splice(w, why));
    return issuing_csr_check(a, w->certificate, why);
}

enum err work_places_check_keys(const struct wanted *w, struct err_info *why)
{
    AUTO(arena) struct arena *a = arena_new();
    const struct config_list *keys = &w->certificate->keys;
    struct claim *claims = NULL;
    size_t count = list_claims(a, w, &claims);

    for (size_t i = 0; i < w->deployment_count; i++)
        if (w->deployments[i]->command[0] != '\0')
            return ERR_OK; /* it sees all of them */
    for (size_t i = 0; count > 0 && i < keys->count; i++) {
        bool found = false;
        for (size_t k = 0; k < count; k++)
            found = found || strcmp(claims[k].place.key_type, keys->items[i]) == 0;
        if (!found)
            return err_set(why, ERR_CONFIG,
                           "keys: %s is written nowhere: put KEY into the paths of "
                           "deployments.%s, or say key: %s in another one",
                           keys->items[i], claims[0].deployment, keys->items[i]);
    }
    return ERR_OK;
}
