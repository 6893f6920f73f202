/* cairn list, cairn show: what is there. */
#include <inttypes.h>
#include <stdio.h>

#include "client/command/client_command.h"
#include "client/plan/plan.h"
#include "client/report/report.h"
#include "client/store/metadata.h"
#include "client/work/work.h"
#include "core/base/clock.h"

#define OUTPUT_MAX (64 * 1024 * 1024) /* octets */
#define HOUR       3600               /* seconds */
#define DAY        (24 * HOUR)

/* Settings and state folder. */
struct place {
    struct settings settings;
    const char *directory;
};

static enum err find_place(const struct client_command *c, struct place *p,
                           struct err_info *why)
{
    TRY(settings_load(c->arena, c->config, &p->settings, why));
    return client_command_directory(c, &p->settings, &p->directory, why);
}

/* "in 61 days", "in 5 hours", "expired". */
static char *remaining(struct arena *a, int64_t not_after)
{
    int64_t left = not_after - clock_now();

    if (left <= 0)
        return arena_string(a, "expired");
    if (left < HOUR)
        return arena_string(a, "in less than an hour");
    if (left < 2 * DAY)
        return arena_printf(a, "in %" PRId64 " hour%s", left / HOUR,
                            left < 2 * HOUR ? "" : "s");
    return arena_printf(a, "in %" PRId64 " days", left / DAY);
}

/* What is wanted of it, for programs: the members of a command line. */
static void write_settings(struct json_writer *w, const struct wanted *wanted)
{
    const struct settings_certificate *c = wanted->certificate;

    json_write_begin_array(w, "challenges");
    for (size_t i = 0; i < c->challenge_types.count; i++)
        json_write_text(w, NULL, terms_challenge_type(c->challenge_types.types[i]));
    json_write_end_array(w);
    json_write_text(w, "http", c->http);
    json_write_number(w, "http_port", c->http_port);
    json_write_text(w, "tls", c->tls);
    json_write_number(w, "tls_port", c->tls_port);
    json_write_text(w, "ca_file", wanted->cas[0]->ca_file);
    json_write_text(w, "renew", c->renew);
    json_write_begin_array(w, "dns");
    for (size_t i = 0; i < wanted->dns_count; i++)
        json_write_text(w, NULL, wanted->dns[i].dns->provider);
    json_write_end_array(w);
}

static void write_one(struct json_writer *w, const struct place *p, struct arena *a,
                      const char *name, const struct certificate_metadata *m)
{
    struct err_info ignored = {0};
    struct wanted wanted;

    metadata_write_members(w, m);
    json_write_time(w, "due", plan_due(m));
    if (work_find(a, p->directory, &p->settings, name, &wanted, &ignored) == ERR_OK)
        write_settings(w, &wanted);
}

static void list_json(const struct place *p, const char *const *names, size_t count)
{
    AUTO(buf) struct buf b = buf_make(OUTPUT_MAX);
    struct json_writer w = json_writer_make(&b);

    json_write_begin_array(&w, NULL);
    for (size_t i = 0; i < count; i++) {
        AUTO(arena) struct arena *a = arena_new();
        struct certificate_metadata m;
        struct err_info why = {0};
        json_write_begin_object(&w, NULL);
        json_write_text(&w, "name", names[i]);
        json_write_text(&w, "path", certificate_store_path(a, p->directory, names[i]));
        if (certificate_store_get(a, p->directory, names[i], &m, &why) == ERR_OK)
            write_one(&w, p, a, names[i], &m);
        else
            json_write_text(&w, "error", why.detail);
        json_write_end_object(&w);
    }
    json_write_end_array(&w);
    printf("%.*s\n", (int)b.len, (const char *)b.data);
}

/* Of the part that ends first. */
static int64_t end_of(const struct certificate_metadata *m)
{
    int64_t end = m->parts[0].not_after;

    for (size_t i = 1; i < m->part_count; i++)
        end = m->parts[i].not_after < end ? m->parts[i].not_after : end;
    return end;
}

static void list_text(const char *directory, const char *const *names, size_t count)
{
    if (count == 0) {
        printf("no certificates in %s\n", directory);
        return;
    }
    printf("%-32s %-5s %-10s %-20s %s\n", "NAME", "NAMES", "EXPIRES", "", "CA");
    for (size_t i = 0; i < count; i++) {
        AUTO(arena) struct arena *a = arena_new();
        char until[CLOCK_TEXT_SIZE];
        struct certificate_metadata m;
        struct err_info why = {0};
        if (certificate_store_get(a, directory, names[i], &m, &why) != ERR_OK) {
            report_warning("%s: %s", names[i], why.detail);
            continue;
        }
        clock_text(until, end_of(&m));
        printf("%-32s %5zu %.10s %-20s %s%s%s\n", names[i], m.name_count, until,
               remaining(a, end_of(&m)), m.ca, m.device[0] != '\0' ? ", key in " : "",
               m.device);
    }
}

enum err command_list(const struct client_command *c, struct err_info *why)
{
    const char *const *names = NULL;
    struct place place;
    size_t count = 0;

    if (c->arguments.count > 0)
        return err_set(why, ERR_USAGE, "list takes no argument; try: cairn show %s",
                       c->arguments.items[0]);
    TRY(find_place(c, &place, why));
    TRY(certificate_store_list(c->arena, place.directory, &names, &count, why));
    if (c->json)
        list_json(&place, names, count);
    else
        list_text(place.directory, names, count);
    return ERR_OK;
}

/* "http-01, standalone on port 80": one line for each that may be answered. */
static void show_challenges(const struct wanted *w)
{
    const struct settings_certificate *c = w->certificate;

    for (size_t i = 0; i < c->challenge_types.count; i++) {
        enum challenge_type type = c->challenge_types.types[i];
        printf(i == 0 ? "  proved by %s" : "         or %s", terms_challenge_type(type));
        if (type == CHALLENGE_HTTP_01)
            printf(", %s", c->http);
        if (type == CHALLENGE_TLS_ALPN_01)
            printf(", %s on port %" PRId64, c->tls, c->tls_port);
        if (type == CHALLENGE_DNS_01 && w->dns_count > 0)
            printf(", %s", w->dns[0].dns->provider);
        if (type == CHALLENGE_DNS_01 && w->dns_count > 0 &&
            w->dns[0].dns->key_file[0] != '\0')
            printf(", updates with the key in %s", w->dns[0].dns->key_file);
        if (type == CHALLENGE_DEVICE_ATTEST_01)
            printf(", %s", c->device);
        printf("\n");
    }
}

static void show_text(const struct client_command *c, const struct place *p,
                      const char *name, const struct certificate_metadata *m)
{
    char *path = certificate_store_path(c->arena, p->directory, name);
    struct err_info why = {0};
    struct wanted wanted;
    char from[CLOCK_TEXT_SIZE];
    char until[CLOCK_TEXT_SIZE];
    char due[CLOCK_TEXT_SIZE];

    clock_text(due, plan_due(m));
    printf("%s\n  names     ", name);
    for (size_t i = 0; i < m->name_count; i++)
        printf("%s%s", i > 0 ? ", " : "", m->names[i]);
    for (size_t i = 0; i < m->part_count; i++) {
        clock_text(from, m->parts[i].not_before);
        clock_text(until, m->parts[i].not_after);
        printf("\n  valid     %s to %s (%s)\n", from, until,
               remaining(c->arena, m->parts[i].not_after));
        printf("  serial    %s\n  key       %s", m->parts[i].serial,
               m->parts[i].key_type);
    }
    if (m->device[0] != '\0')
        printf(", in the device %s", m->device);
    printf("\n  renewal   from %s\n  ca        %s\n", due, m->ca);
    if (work_find(c->arena, p->directory, &p->settings, name, &wanted, &why) == ERR_OK) {
        if (wanted.cas[0]->ca_file[0] != '\0')
            printf("  ca file   %s\n", wanted.cas[0]->ca_file);
        show_challenges(&wanted);
    } else {
        printf("  settings  %s\n", why.detail);
    }
    printf("  files     %s/fullchain.pem\n            %s/key.pem\n", path, path);
}

enum err command_show(const struct client_command *c, struct err_info *why)
{
    struct certificate_metadata m;
    struct place place;

    if (c->arguments.count != 1)
        return err_set(why, ERR_USAGE, "say which CERTIFICATE; cairn list shows all");
    const char *name = c->arguments.items[0];
    if (!settings_is_certificate_name(name))
        return err_set(why, ERR_USAGE, "\"%.100s\" is no certificate's name", name);
    TRY(find_place(c, &place, why));
    TRY(certificate_store_get(c->arena, place.directory, name, &m, why));
    if (!c->json) {
        show_text(c, &place, name, &m);
        return ERR_OK;
    }
    AUTO(buf) struct buf b = buf_make(OUTPUT_MAX);
    struct json_writer w = json_writer_make(&b);
    json_write_begin_object(&w, NULL);
    json_write_text(&w, "name", name);
    json_write_text(&w, "path", certificate_store_path(c->arena, place.directory, name));
    write_one(&w, &place, c->arena, name, &m);
    json_write_end_object(&w);
    printf("%.*s\n", (int)b.len, (const char *)b.data);
    return ERR_OK;
}
