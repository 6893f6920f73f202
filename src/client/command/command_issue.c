/* cairn issue: names in, certificate out; nothing to do if it is there. */
#include <stdio.h>
#include <string.h>

#include "client/command/client_command.h"
#include "client/command/issuing.h"
#include "client/command/proving.h"
#include "client/device/device.h"
#include "client/flow/flow.h"
#include "client/plan/plan.h"
#include "client/store/metadata.h"
#include "client/store/name.h"
#include "client/store/state.h"
#include "core/acme/identifier_device.h"
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

/* A name, or an address however it is written. */
static enum err read_name(struct arena *a, const char *text, struct identifier *read,
                          struct err_info *why)
{
    struct address address;
    char canonical[ADDRESS_TEXT_SIZE];

    if (!address_parse(span_of(text), &address))
        return identifier_read_dns(a, text, read, why);
    address_text(&address, canonical);
    return identifier_read_ip(a, canonical, read, why);
}

/* TYPE:VALUE, as --identifier has it. */
static enum err read_identifier(struct arena *a, const char *text,
                                struct identifier *read, struct err_info *why)
{
    if (!name_is_device(text))
        return err_set(why, ERR_USAGE,
                       "--identifier: \"%.100s\" is neither permanent-identifier:VALUE "
                       "nor hardware-module:VALUE",
                       text);
    const struct identifier name = name_identifier(text);
    if (identifier_read_device(a, name.type, span_of(name.value), read, why) != ERR_OK)
        return err_prefix(why, "--identifier");
    return ERR_OK;
}

static void add_name(const char **names, size_t *count, const char *name)
{
    for (size_t k = 0; k < *count; k++)
        if (strcmp(names[k], name) == 0)
            return;
    names[(*count)++] = name;
}

/* The names, canonical, each once; those of the device behind the others. What a device
 * is called is asked of it if nobody says it. */
static enum err read_names(const struct client_command *c, struct issuing *i,
                           struct err_info *why)
{
    const char **names = arena_array(
        c->arena, c->arguments.count + c->identifiers.count + 1, sizeof *names);
    struct identifier read;
    size_t count = 0;

    if (c->arguments.count == 0 && c->device == NULL)
        return err_set(why, ERR_USAGE, "say the NAME the certificate is for");
    for (size_t n = 0; n < c->arguments.count; n++) {
        if (read_name(c->arena, c->arguments.items[n], &read, why) != ERR_OK) {
            why->code = ERR_USAGE;
            return ERR_USAGE;
        }
        add_name(names, &count, read.value);
    }
    for (size_t n = 0; n < c->identifiers.count; n++) {
        if (read_identifier(c->arena, c->identifiers.items[n], &read, why) != ERR_OK) {
            why->code = ERR_USAGE;
            return ERR_USAGE;
        }
        add_name(names, &count, name_text(c->arena, &read));
    }
    if (count > FLOW_NAMES_MAX)
        return err_set(why, ERR_USAGE, "more than %d names in one certificate",
                       FLOW_NAMES_MAX);
    i->wanted.names = names;
    i->wanted.name_count = count;
    return ERR_OK;
}

/* A certificate is kept under its first name; an IPv6 address, a wildcard and a device
 * need other letters there. One whose name is not known yet is "device". */
static const char *folder_name(struct arena *a, const struct issuing *i)
{
    if (i->wanted.name_count == 0)
        return "device";
    const struct identifier first = name_identifier(i->wanted.names[0]);
    char *name = arena_string(a, first.value);
    for (char *p = name; *p != '\0'; p++) {
        *p = *p == ':' ? '-' : *p == '*' ? '_' : *p;
        if (terms_is_device(first.type) && !certificate_store_is_name_letter(*p))
            *p = '_';
    }
    if (name[0] == '.')
        name[0] = '_';
    if (strlen(name) > CERTIFICATE_STORE_NAME_MAX)
        name[CERTIFICATE_STORE_NAME_MAX] = '\0';
    return name;
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
        TRY(proving_whole_path(c, "--ca-file", c->ca_file, &w->ca_file, why));
    TRY(proving_read(c, &w->ways, why));
    TRY(proving_check_names(&w->ways, w->names, w->name_count, why));
    w->key_type = or_default(c->key, CLIENT_KEY_DEFAULT);
    if (c->device != NULL)
        TRY(device_check_key(c->device, w->key_type, why));
    return issuing_check_key_type(w->key_type, why);
}

/* Are the names the same? What a device was not asked for again is as it was. */
static bool has_names(const struct client_command *c, const struct issuing *i,
                      const struct certificate_metadata *there)
{
    struct certificate_metadata open = *there;
    const char **names = arena_array(c->arena, there->name_count + 1, sizeof *names);

    if (c->identifiers.count == 0 && c->device != NULL) {
        open.names = names;
        open.name_count = 0;
        for (size_t n = 0; n < there->name_count; n++)
            if (!name_is_device(there->names[n]))
                names[open.name_count++] = there->names[n];
    }
    return plan_same_names(&open, i->wanted.names, i->wanted.name_count);
}

/* Is a good one there already, made in the same way? */
static bool is_there(const struct client_command *c, const struct issuing *i,
                     struct certificate_metadata *there)
{
    struct err_info ignored = {0};

    return !c->force &&
           certificate_store_get(c->arena, i->directory, i->name, there, &ignored) ==
               ERR_OK &&
           has_names(c, i, there) &&
           strcmp(there->ways.device.device, i->wanted.ways.device.device) == 0 &&
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
                        .binding = {c->eab_kid, c->eab_key_file, c->eab_algorithm},
                        .crew = &crew,
                        .agree_terms = c->agree_terms,
                        .forced = c->force,
                        .report = {.json = c->json, .quiet = c->quiet}};
    struct certificate_metadata there;
    const char *path = NULL;

    TRY(read_names(c, &i, why));
    TRY(read_ways(c, &i, why));
    TRY(check_email(c->email, why));
    TRY(binding_check(&i.binding, why));
    i.name = c->name != NULL ? c->name : folder_name(c->arena, &i);
    if (!certificate_store_is_name(i.name))
        return err_set(why, ERR_USAGE,
                       "--name: \"%.100s\" has characters other than letters, digits, "
                       "\".\", \"_\" and \"-\"",
                       i.name);
    TRY(need_directory(c, &i.directory, why));
    TRY(state_lock(c->arena, i.directory, why));
    TRY(issuing_prepare(&crew, i.directory, &i.report, why));
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
