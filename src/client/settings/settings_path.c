/* Relative paths. */
#include "client/settings/settings_path.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/file.h"

/* The folder of a file; "" if nobody can say. */
static const char *folder_of(struct arena *a, const char *file)
{
    char real[PATH_MAX];

    if (realpath(file, real) == NULL && realpath(".", real) == NULL)
        return "";
    char *folder = arena_string(a, real);
    char *slash = strrchr(folder, '/');
    if (file_exists(file) && slash != NULL)
        *(slash == folder ? slash + 1 : slash) = '\0';
    return folder;
}

static void make_whole(struct arena *a, const char *folder, const char **path)
{
    if ((*path)[0] != '\0' && (*path)[0] != '/' &&
        strncmp(*path, "credential:", strlen("credential:")) != 0)
        *path = file_path(a, folder, *path);
}

static void certificate(struct arena *a, const char *folder,
                        struct settings_certificate *c)
{
    static const char *const ways[] = {"webroot:", "tokens:"};

    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        size_t len = strlen(ways[i]);
        if (strncmp(c->http, ways[i], len) != 0 || c->http[len] == '\0')
            continue;
        const char *path = c->http + len;
        make_whole(a, folder, &path);
        c->http = arena_printf(a, "%s%s", ways[i], path);
    }
    make_whole(a, folder, &c->csr);
    make_whole(a, folder, &c->pin_file);
    make_whole(a, folder, &c->attestation_chain);
}

static void deployment(struct arena *a, const char *folder, struct settings_deployment *d)
{
    make_whole(a, folder, &d->key_file);
    make_whole(a, folder, &d->certificate_file);
    make_whole(a, folder, &d->chain_file);
    make_whole(a, folder, &d->fullchain_file);
    make_whole(a, folder, &d->combined_file);
    make_whole(a, folder, &d->der_file);
    make_whole(a, folder, &d->pkcs12_file);
    make_whole(a, folder, &d->pkcs12_password_file);
}

void settings_path_make_whole(struct arena *a, const char *file, struct settings *s)
{
    const char *folder = folder_of(a, file);

    make_whole(a, folder, &s->state);
    make_whole(a, folder, &s->agent_socket);
    make_whole(a, folder, &s->agent_metrics_file);
    for (size_t i = 0; i < s->cas.count; i++) {
        struct settings_ca *ca = s->cas.members[i];
        make_whole(a, folder, &ca->ca_file);
        make_whole(a, folder, &ca->eab_key_file);
        make_whole(a, folder, &ca->account_pin_file);
    }
    for (size_t i = 0; i < s->dns.count; i++) {
        struct settings_dns *dns = s->dns.members[i];
        make_whole(a, folder, &dns->key_file);
        make_whole(a, folder, &dns->credentials);
        make_whole(a, folder, &dns->program);
        make_whole(a, folder, &dns->cleanup_program);
    }
    for (size_t i = 0; i < s->certificates.count; i++)
        certificate(a, folder, s->certificates.members[i]);
    for (size_t i = 0; i < s->deployments.count; i++)
        deployment(a, folder, s->deployments.members[i]);
}
