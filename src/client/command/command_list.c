/* cairn list: all certificates, one line each. */
#include <stdio.h>

#include "client/command/status.h"
#include "core/base/clock.h"
#include "core/base/text.h"

#define OUTPUT_MAX (64 * 1024 * 1024) /* octets */

static void print_json(const struct place *p, const struct place_names *names,
                       int64_t now)
{
    AUTO(buf) struct buf b = buf_make(OUTPUT_MAX);
    struct json_writer w = json_writer_make(&b);

    json_write_begin_array(&w, NULL);
    for (size_t i = 0; i < names->count; i++) {
        AUTO(arena) struct arena *a = arena_new();
        struct status s;
        status_read(a, p, names->items[i], now, &s);
        json_write_begin_object(&w, NULL);
        status_write(&w, p, &s);
        json_write_end_object(&w);
    }
    json_write_end_array(&w);
    printf("%.*s\n", (int)b.len, (const char *)b.data);
}

/* What somebody should look at, else what comes next. */
static const char *state_of(struct arena *a, const struct status *s)
{
    const struct renewal_failure *f = &s->renewal.failure;
    char due[CLOCK_TEXT_SIZE] = "";

    if (s->problem != NULL)
        return s->problem;
    if (f->code != NULL)
        return arena_printf(a, "failed %lld time%s: %s", (long long)f->count,
                            f->count == 1 ? "" : "s", f->detail);
    if (s->deploy != NULL && !s->deploys)
        return arena_printf(a, "not deployed: %s", s->deploy);
    if (s->origin == STATUS_LEFT_OVER)
        return "left over: cairn.yaml does not name it";
    if (s->plan.action != PLAN_KEEP || s->deploys)
        return arena_printf(a, "%s: %s", status_action(s), status_reason(s));
    if (s->plan.due <= 0 || s->plan.due == INT64_MAX)
        return "not renewed";
    report_moment(due, s->plan.due, certificate_store_lifetime(&s->metadata));
    return arena_printf(a, "renewed from %s", due);
}

static void print_text(const struct place *p, const struct place_names *names,
                       int64_t now)
{
    printf("%-32s %-20s %-22s %-20s %s\n", "NAME", "EXPIRES", "", "CA", "STATE");
    for (size_t i = 0; i < names->count; i++) {
        AUTO(arena) struct arena *a = arena_new();
        char until[CLOCK_TEXT_SIZE] = "-";
        struct status s;
        status_read(a, p, names->items[i], now, &s);
        int64_t end = status_end(&s);
        if (end > 0)
            report_moment(until, end, certificate_store_lifetime(&s.metadata));
        const char *left = end > 0             ? status_remaining(a, end, now)
                           : s.problem != NULL ? "unknown"
                                               : "not there yet";
        const char *device = s.there ? s.metadata.device : "";
        char *state = arena_printf(
            a, "%s%s", s.there && s.metadata.revoked ? "revoked; " : "", state_of(a, &s));
        text_make_printable(state); /* parts of it come from the CA */
        printf("%-32s %-20s %-22s %-20s %s%s%s\n", s.name, until, left,
               status_ca(a, p, &s), state, device[0] != '\0' ? "; key in " : "", device);
    }
}

enum err command_list(const struct client_command *c, struct err_info *why)
{
    struct place_names names;
    struct place place;

    if (c->arguments.count > 0)
        return err_set(why, ERR_USAGE, "list takes no argument; try: cairn show %s",
                       c->arguments.items[0]);
    TRY(place_look(c, &place, why));
    TRY(place_certificates(c, &place, &names, why));
    if (c->json)
        print_json(&place, &names, clock_now());
    else if (names.count == 0)
        printf("no certificates in %s\n", place.directory);
    else
        print_text(&place, &names, clock_now());
    return ERR_OK;
}
