/* From settings to paths. */
#include "client/work/work_confine.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "client/deploy/deploy_access.h"
#include "client/deploy/deploy_content.h"
#include "client/deploy/deploy_haproxy.h"
#include "client/dns/dns_manual.h"
#include "client/proc/confine.h"
#include "client/solve/web_server.h"
#include "client/store/account_store.h"
#include "client/work/work.h"
#include "core/base/file.h"

#define CREDENTIAL "credential:"
#define FIRST_ROOM 64
#define WEB_PORT   80

/* Users and groups, OpenSSL and its certificates, time zones, the resolver's settings;
 * numbers and names of processes, who else may not be looked into (ptrace(2)). */
static const char *const readable[] = {
    "/etc",     "/usr", "/lib", "/lib64", "/run/systemd/resolve", "/run/resolvconf",
    "/proc/net"};

/* Of the state folder: any may be a link to elsewhere. */
static const char *const parts[] = {"accounts", "certificates", "credentials", "cas",
                                    "dns-01",   "ports",        "web",         "devices",
                                    "acme-dns", "acme.sh",      "renewal",     "turns"};

static void put(struct work_files *f, const char *path, enum jail_access access)
{
    for (size_t i = 0; i < f->count; i++)
        if (f->paths[i].access == access && strcmp(f->paths[i].path, path) == 0)
            return;
    if (f->count == f->room) {
        struct jail_path *more = arena_array(f->arena, 2 * f->room, sizeof *more);
        memcpy(more, f->paths, f->count * sizeof *more);
        f->paths = more;
        f->room *= 2;
    }
    f->paths[f->count++] =
        (struct jail_path){.path = path, .access = access, .optional = true};
}

void work_files_add(struct work_files *f, const char *path, enum jail_access access)
{
    if (path == NULL || path[0] == '\0')
        return;
    if (strncmp(path, CREDENTIAL, strlen(CREDENTIAL)) == 0)
        path = getenv("CREDENTIALS_DIRECTORY");
    if (path != NULL)
        put(f, arena_string(f->arena, path), access);
}

/* A folder that is not there yet, as a hook makes it, will be below one that is; but not
 * because of it all of the root's. */
static void add_folder(struct work_files *f, const char *path, enum jail_access access)
{
    char *folder = arena_string(f->arena, path);

    while (folder[0] == '/' && !file_exists(folder))
        *strrchr(folder, '/') = '\0';
    work_files_add(f, folder[0] == '\0' || file_exists(folder) ? folder : ".", access);
}

struct work_files work_files_make(struct arena *a, const char *directory)
{
    struct work_files f = {.arena = a,
                           .directory = directory,
                           .room = FIRST_ROOM,
                           .paths = arena_array(a, FIRST_ROOM, sizeof *f.paths)};

    for (size_t i = 0; i < sizeof readable / sizeof readable[0]; i++)
        put(&f, readable[i], JAIL_READ);
    put(&f, "/dev/null", JAIL_UPDATE);
    put(&f, "/dev/urandom", JAIL_READ);
    add_folder(&f, directory, JAIL_KEEP);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        put(&f, file_path(a, directory, parts[i]), JAIL_KEEP);
    return f;
}

static void add_folder_of(struct work_files *f, const char *path, enum jail_access access)
{
    const char *slash = strrchr(path, '/');

    if (slash == path)
        work_files_add(f, "/", access);
    else if (slash != NULL)
        add_folder(f, arena_string_of(f->arena, span_make(path, (size_t)(slash - path))),
                   access);
}

/* One that is written: another takes its place by renames in its folder; what was there
 * may be a link. */
static void add_file(struct work_files *f, const char *path)
{
    add_folder_of(f, path, JAIL_KEEP);
}

/* ---- a certificate ---- */

static void add_deployment(struct work_files *f, const struct settings_deployment *d,
                           const struct settings_certificate *c)
{
    const char *const written[] = {d->key_file,       d->certificate_file, d->chain_file,
                                   d->fullchain_file, d->combined_file,    d->der_file,
                                   d->pkcs12_file};

    for (size_t i = 0; i < sizeof written / sizeof written[0]; i++)
        for (size_t k = 0; k < c->keys.count; k++)
            add_file(f, deploy_content_path(f->arena, written[i], c->keys.items[k]));
    work_files_add(f, d->pkcs12_password_file, JAIL_READ);
    work_files_add(f, d->config, JAIL_READ);
    if (strcmp(d->target, "haproxy") == 0) {
        add_folder_of(f, deploy_haproxy_pidfile(f->arena, d->config), JAIL_READ);
        work_files_add(f, "/proc", JAIL_READ);
    }
    deploy_content_remember_owner(d);
}

/* Where tokens go; what lies in it may be a link to elsewhere. */
static void add_web_root(struct work_files *f, const char *folder)
{
    const char *inner = file_path(f->arena, folder, ".well-known");

    add_folder(f, folder, JAIL_KEEP);
    work_files_add(f, inner, JAIL_KEEP);
    work_files_add(f, file_path(f->arena, inner, "acme-challenge"), JAIL_KEEP);
}

static void add_http(struct work_files *f, const struct wanted *w)
{
    const char *way = w->certificate->http;
    const struct web_server_kind *kind = NULL;
    const char *config = NULL;

    if (strncmp(way, "webroot:", strlen("webroot:")) == 0)
        add_web_root(f, way + strlen("webroot:"));
    else if (strncmp(way, "tokens:", strlen("tokens:")) == 0)
        add_folder(f, way + strlen("tokens:"), JAIL_KEEP);
    else if (web_server_read(way, &kind, &config)) {
        const struct wanted **more =
            arena_array(f->arena, f->edit_count + 1, sizeof *more);
        for (size_t i = 0; i < f->edit_count; i++) {
            if (strcmp(f->edits[i]->certificate->http, way) == 0)
                return;
            more[i] = f->edits[i];
        }
        more[f->edit_count++] = w;
        f->edits = more;
    }
}

void work_files_add_account(struct work_files *f, const char *ca)
{
    struct account_place places[2];

    account_store_devices(f->arena, f->directory, ca, places);
    for (size_t i = 0; i < 2; i++)
        work_files_add(f, places[i].pin_file, JAIL_READ);
}

void work_files_add_ca(struct work_files *f, const struct settings_ca *ca)
{
    work_files_add(f, ca->ca_file, JAIL_READ);
    work_files_add(f, ca->eab_key_file, JAIL_READ);
    work_files_add(f, ca->account_pin_file, JAIL_READ);
    work_files_add_account(f, ca->directory);
}

void work_files_add_wanted(struct work_files *f, const struct wanted *w)
{
    const struct settings_certificate *c = w->certificate;

    for (size_t i = 0; i < w->ca_count; i++)
        work_files_add_ca(f, w->cas[i]);
    for (size_t i = 0; i < w->dns_count; i++) {
        const struct settings_dns *dns = w->dns[i].dns;
        work_files_add(f, dns->key_file, JAIL_READ);
        work_files_add(f, dns->credentials, JAIL_READ);
        work_files_add(f, dns->ca_file, JAIL_READ);
        work_files_add(f, dns->program, JAIL_READ);
        work_files_add(f, dns->cleanup_program, JAIL_READ);
        work_files_add(f, w->settings->hooks_dnsapi, JAIL_READ);
    }
    work_files_add(f, c->csr, JAIL_READ);
    work_files_add(f, c->pin_file, JAIL_READ);
    work_files_add(f, c->attestation_chain, JAIL_READ);
    add_http(f, w);
    for (size_t i = 0; i < w->deployment_count; i++)
        add_deployment(f, w->deployments[i], c);
}

void work_files_add_names(struct work_files *f, const char *directory,
                          const struct settings *settings, const char *const *names,
                          size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct wanted *w = arena_get(f->arena, sizeof *w);
        struct err_info ignored = {0};
        if (work_find(f->arena, directory, settings, names[i], w, &ignored) == ERR_OK)
            work_files_add_wanted(f, w);
    }
}

void work_files_add_metrics(struct work_files *f, const struct settings *settings)
{
    if (settings->agent_metrics_file[0] != '\0')
        add_file(f, settings->agent_metrics_file);
}

/* ---- entering ---- */

/* The configuration of a web server may include any file, and is changed where the server
 * says that its parts are. A server that does not say so is not changed. */
static void add_web_server(struct work_files *f, const struct wanted *w, int runner)
{
    struct web_server server = {.arena = f->arena, .runner = runner, .port = WEB_PORT};
    const char *const *files = NULL;
    struct err_info ignored = {0};
    char real[PATH_MAX];

    work_files_add(f, "/", JAIL_READ);
    if (!web_server_read(w->certificate->http, &server.kind, &server.config) ||
        server.kind->list(&server, &files, &ignored) != ERR_OK)
        return;
    for (size_t i = 0; files[i] != NULL; i++)
        if (realpath(files[i], real) != NULL)
            add_file(f, arena_string(f->arena, real));
}

enum err work_confine_alone(const struct work_files *f, struct err_info *why)
{
    return confine_enter(f->paths, f->count, why);
}

enum err work_confine(struct crew *crew, struct work_files *f, struct err_info *why)
{
    if (crew->confined)
        return ERR_OK;
    TRY(crew_start_runner(crew, why));
    for (size_t i = 0; i < f->edit_count; i++)
        add_web_server(f, f->edits[i], crew->runner.fd);
    dns_manual_remember_terminal();
    crew->confined = true;
    return work_confine_alone(f, why);
}
