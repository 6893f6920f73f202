/* cairn issue: names in, certificate out; nothing to do if it is there. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/command/client_command.h"
#include "client/command/issuing.h"
#include "client/flow/flow.h"
#include "client/plan/plan.h"
#include "client/store/metadata.h"
#include "client/store/state.h"
#include "core/acme/identifier.h"
#include "core/base/clock.h"
#include "core/base/text.h"
#include "core/http/url.h"
#include "core/net/address.h"

#define OUTPUT_MAX (256 * 1024) /* octets */

static const char *authority_url(const char *ca)
{
#define AUTHORITY(name, url)                                                             \
    if (strcmp(ca, name) == 0)                                                           \
        return url;
#include "client/command/authorities.def"
#undef AUTHORITY
    return ca;
}

static const char *or_default(const char *text, const char *otherwise)
{
    return text != NULL ? text : otherwise;
}

/* The names, canonical, each once. */
static enum err read_names(const struct client_command *c, struct issuing *i,
                           struct err_info *why)
{
    const char **names = arena_array(c->arena, c->arguments.count + 1, sizeof *names);
    size_t count = 0;

    if (c->arguments.count == 0)
        return err_set(why, ERR_USAGE, "say the NAME the certificate is for");
    for (size_t n = 0; n < c->arguments.count; n++) {
        struct identifier read;
        struct address address;
        bool known = false;
        if (address_parse(span_of(c->arguments.items[n]), &address))
            return err_set(why, ERR_USAGE,
                           "%s is an address: this version gets certificates for names "
                           "only",
                           c->arguments.items[n]);
        if (identifier_read_dns(c->arena, c->arguments.items[n], &read, why) != ERR_OK) {
            why->code = ERR_USAGE;
            return ERR_USAGE;
        }
        if (identifier_is_wildcard(&read))
            return err_set(why, ERR_USAGE,
                           "%s: a wildcard needs dns-01, which this version does not "
                           "have yet",
                           read.value);
        for (size_t k = 0; k < count && !known; k++)
            known = strcmp(names[k], read.value) == 0;
        if (!known)
            names[count++] = read.value;
    }
    if (count > FLOW_NAMES_MAX)
        return err_set(why, ERR_USAGE, "more than %d names in one certificate",
                       FLOW_NAMES_MAX);
    i->wanted.names = names;
    i->wanted.name_count = count;
    return ERR_OK;
}

/* A path that stays right when renew runs from another folder. */
static enum err whole_path(const struct client_command *c, const char *option,
                           const char *path, const char **whole, struct err_info *why)
{
    char *real = realpath(path, NULL);

    if (real == NULL)
        return err_set_os(why, ERR_USAGE, errno, "%s: \"%s\"", option, path);
    *whole = arena_string(c->arena, real);
    free(real);
    return ERR_OK;
}

/* One address, and nothing that would mean more in a mailto URL (RFC 8555 7.3). */
static enum err check_email(const char *email, struct err_info *why)
{
    const char *at = email != NULL ? strchr(email, '@') : NULL;

    if (email == NULL)
        return ERR_OK;
    if (at == NULL || at == email || at[1] == '\0' || strchr(at + 1, '@') != NULL ||
        strpbrk(email, " ,?%&<>\"\t") != NULL || !text_is_utf8(span_of(email)))
        return err_set(why, ERR_USAGE, "--email: \"%.100s\" is not one mail address",
                       email);
    return ERR_OK;
}

static enum err read_ways(const struct client_command *c, struct issuing *i,
                          struct err_info *why)
{
    struct certificate_metadata *w = &i->wanted;
    const char *folder = NULL;
    struct url url;

    w->ca = authority_url(or_default(c->ca, CLIENT_CA_DEFAULT));
    if (strncmp(w->ca, "https://", 8) != 0)
        return err_set(why, ERR_USAGE,
                       "--ca: \"%.100s\" is neither letsencrypt, letsencrypt-staging nor "
                       "an https URL",
                       w->ca);
    if (url_parse(c->arena, span_of(w->ca), &url, why) != ERR_OK) {
        why->code = ERR_USAGE;
        return err_prefix(why, "--ca \"%.100s\"", w->ca);
    }
    w->ca_file = "";
    if (c->ca_file != NULL)
        TRY(whole_path(c, "--ca-file", c->ca_file, &w->ca_file, why));
    w->http = or_default(c->http, CLIENT_HTTP_DEFAULT);
    if (strncmp(w->http, "webroot:", 8) == 0) {
        TRY(whole_path(c, "--http webroot", w->http + 8, &folder, why));
        w->http = arena_printf(c->arena, "webroot:%s", folder);
    } else if (strcmp(w->http, "standalone") != 0) {
        return err_set(why, ERR_USAGE,
                       "--http: \"%.100s\" is neither standalone nor webroot:DIR",
                       w->http);
    }
    w->http_port = c->http_port != 0 ? c->http_port : 80;
    w->key_type = or_default(c->key, CLIENT_KEY_DEFAULT);
    if (!issuing_is_key_type(w->key_type))
        return err_set(why, ERR_USAGE,
                       "--key: \"%.50s\" is none of p256, p384, rsa2048, rsa4096",
                       w->key_type);
    return ERR_OK;
}

/* Is a good one there already, made in the same way? */
static bool is_there(const struct client_command *c, const struct issuing *i,
                     struct certificate_metadata *there)
{
    struct err_info ignored = {0};

    return !c->force &&
           certificate_store_get(c->arena, i->directory, i->name, there, &ignored) ==
               ERR_OK &&
           plan_same_names(there, i->wanted.names, i->wanted.name_count) &&
           strcmp(there->ca, i->wanted.ca) == 0 &&
           strcmp(there->key_type, i->wanted.key_type) == 0 &&
           clock_now() < plan_due(there);
}

static void print_json(const struct client_command *c, const struct issuing *i,
                       const struct certificate_metadata *m, bool issued)
{
    AUTO(buf) struct buf b = buf_make(OUTPUT_MAX);
    struct json_writer w = json_writer_make(&b);

    json_write_begin_object(&w, NULL);
    json_write_text(&w, "name", i->name);
    json_write_bool(&w, "issued", issued);
    json_write_text(&w, "path", certificate_store_path(c->arena, i->directory, i->name));
    metadata_write_members(&w, m);
    json_write_end_object(&w);
    printf("%.*s\n", (int)b.len, (const char *)b.data);
}

static enum err need_directory(const struct client_command *c, const char **directory,
                               struct err_info *why)
{
    if (c->directory != NULL)
        *directory = c->directory;
    else
        TRY(state_default_directory(c->arena, directory, why));
    return state_prepare(c->arena, *directory, why);
}

enum err command_issue(const struct client_command *c, struct err_info *why)
{
    AUTO(crew) struct crew crew = {0};
    struct issuing i = {.email = c->email,
                        .crew = &crew,
                        .agree_terms = c->agree_terms,
                        .report = {.json = c->json, .quiet = c->quiet}};
    struct certificate_metadata there;
    const char *path = NULL;

    TRY(read_names(c, &i, why));
    TRY(read_ways(c, &i, why));
    TRY(check_email(c->email, why));
    i.name = or_default(c->name, i.wanted.names[0]);
    if (!certificate_store_is_name(i.name))
        return err_set(why, ERR_USAGE,
                       "--name: \"%.100s\" has characters other than letters, digits, "
                       "\".\", \"_\" and \"-\"",
                       i.name);
    TRY(need_directory(c, &i.directory, why));
    TRY(state_lock(c->arena, i.directory, why));
    if (is_there(c, &i, &there)) {
        char until[CLOCK_TEXT_SIZE];
        clock_text(until, there.not_after);
        report_step(&i.report, "kept", "%s is valid until %.10s; --force makes a new one",
                    i.name, until);
        if (c->json)
            print_json(c, &i, &there, false);
        return ERR_OK;
    }
    TRY(issuing_run(c->arena, &i, &path, why));
    if (c->json)
        print_json(c, &i, &i.wanted, true);
    return ERR_OK;
}
