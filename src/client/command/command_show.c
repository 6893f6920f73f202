/* cairn list, cairn show: what is there. */
#include <inttypes.h>
#include <stdio.h>

#include "client/command/client_command.h"
#include "client/plan/plan.h"
#include "client/report/report.h"
#include "client/store/metadata.h"
#include "client/store/state.h"
#include "core/base/clock.h"

#define OUTPUT_MAX (64 * 1024 * 1024) /* octets */
#define HOUR       3600               /* seconds */
#define DAY        (24 * HOUR)

static enum err need_directory(const struct client_command *c, const char **directory,
                               struct err_info *why)
{
    if (c->directory == NULL)
        return state_default_directory(c->arena, directory, why);
    *directory = c->directory;
    return ERR_OK;
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

static void list_json(const struct client_command *c, const char *directory,
                      const char *const *names, size_t count)
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
        json_write_text(&w, "path", certificate_store_path(a, directory, names[i]));
        if (certificate_store_get(a, directory, names[i], &m, &why) == ERR_OK) {
            metadata_write_members(&w, &m);
            json_write_time(&w, "due", plan_due(&m));
        } else {
            json_write_text(&w, "error", why.detail);
        }
        json_write_end_object(&w);
    }
    json_write_end_array(&w);
    printf("%.*s\n", (int)b.len, (const char *)b.data);
    (void)c;
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
        clock_text(until, m.not_after);
        const char *device = m.ways.device.device;
        printf("%-32s %5zu %.10s %-20s %s%s%s\n", names[i], m.name_count, until,
               remaining(a, m.not_after), m.ca, device[0] != '\0' ? ", key in " : "",
               device);
    }
}

enum err command_list(const struct client_command *c, struct err_info *why)
{
    const char *directory = NULL;
    const char *const *names = NULL;
    size_t count = 0;

    if (c->arguments.count > 0)
        return err_set(why, ERR_USAGE, "list takes no argument; try: cairn show %s",
                       c->arguments.items[0]);
    TRY(need_directory(c, &directory, why));
    TRY(certificate_store_list(c->arena, directory, &names, &count, why));
    if (c->json)
        list_json(c, directory, names, count);
    else
        list_text(directory, names, count);
    return ERR_OK;
}

/* "http-01, standalone on port 80": one line for each that may be answered. */
static void show_ways(const struct ways *ways)
{
    for (size_t i = 0; i < ways->challenges.count; i++) {
        printf(i == 0 ? "  proved by %s" : "         or %s",
               terms_challenge_type(ways->challenges.types[i]));
        if (ways->challenges.types[i] == CHALLENGE_HTTP_01)
            printf(", %s", ways->http);
        if (ways->challenges.types[i] == CHALLENGE_TLS_ALPN_01)
            printf(" on port %" PRId64, ways->tls_port);
        if (ways->challenges.types[i] == CHALLENGE_DNS_01)
            printf(", updates with the key in %s", ways->dns.key_file);
        if (ways->challenges.types[i] == CHALLENGE_DEVICE_ATTEST_01)
            printf(", %s", ways->device.device);
        printf("\n");
    }
}

static void show_text(const struct client_command *c, const char *directory,
                      const char *name, const struct certificate_metadata *m)
{
    char *path = certificate_store_path(c->arena, directory, name);
    char from[CLOCK_TEXT_SIZE];
    char until[CLOCK_TEXT_SIZE];
    char due[CLOCK_TEXT_SIZE];

    clock_text(from, m->not_before);
    clock_text(until, m->not_after);
    clock_text(due, plan_due(m));
    printf("%s\n  names     ", name);
    for (size_t i = 0; i < m->name_count; i++)
        printf("%s%s", i > 0 ? ", " : "", m->names[i]);
    printf("\n  valid     %s to %s (%s)\n", from, until,
           remaining(c->arena, m->not_after));
    printf("  renewal   from %s\n", due);
    printf("  serial    %s\n  key       %s", m->serial, m->key_type);
    if (m->ways.device.device[0] != '\0')
        printf(", in the device %s", m->ways.device.device);
    printf("\n  ca        %s\n", m->ca);
    if (m->ca_file[0] != '\0')
        printf("  ca file   %s\n", m->ca_file);
    show_ways(&m->ways);
    printf("  files     %s/fullchain.pem\n            %s/key.pem\n", path, path);
}

enum err command_show(const struct client_command *c, struct err_info *why)
{
    const char *directory = NULL;
    struct certificate_metadata m;

    if (c->arguments.count != 1)
        return err_set(why, ERR_USAGE, "say which CERTIFICATE; cairn list shows all");
    const char *name = c->arguments.items[0];
    if (!certificate_store_is_name(name))
        return err_set(why, ERR_USAGE, "\"%.100s\" is no certificate's name", name);
    TRY(need_directory(c, &directory, why));
    TRY(certificate_store_get(c->arena, directory, name, &m, why));
    if (!c->json) {
        show_text(c, directory, name, &m);
        return ERR_OK;
    }
    AUTO(buf) struct buf b = buf_make(OUTPUT_MAX);
    struct json_writer w = json_writer_make(&b);
    json_write_begin_object(&w, NULL);
    json_write_text(&w, "name", name);
    json_write_text(&w, "path", certificate_store_path(c->arena, directory, name));
    metadata_write_members(&w, &m);
    json_write_time(&w, "due", plan_due(&m));
    json_write_end_object(&w);
    printf("%.*s\n", (int)b.len, (const char *)b.data);
    return ERR_OK;
}
