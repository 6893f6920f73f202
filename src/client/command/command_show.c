/* cairn show: one certificate, in full. */
#include <inttypes.h>
#include <stdio.h>

#include "client/command/status.h"
#include "client/command/tlsa.h"
#include "client/deploy/deploy.h"
#include "client/work/work_confine.h"
#include "core/base/clock.h"
#include "core/base/text.h"

#define OUTPUT_MAX (1024 * 1024) /* octets */
#define TLSA_PORT  443           /* of HTTPS */

/* "http-01, standalone": one line for each that may be answered. */
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

static void show_there(struct arena *a, const struct status *s, int64_t now)
{
    const struct certificate_metadata *m = &s->metadata;
    char from[CLOCK_TEXT_SIZE];
    char until[CLOCK_TEXT_SIZE];

    printf("  names     ");
    for (size_t i = 0; i < m->name_count; i++)
        printf("%s%s", i > 0 ? ", " : "", m->names[i]);
    for (size_t i = 0; i < m->part_count; i++) {
        clock_text(from, m->parts[i].not_before);
        clock_text(until, m->parts[i].not_after);
        printf("\n  valid     %s to %s (%s)\n", from, until,
               status_remaining(a, m->parts[i].not_after, now));
        printf("  serial    %s\n  key       %s", m->parts[i].serial,
               m->parts[i].key_type);
    }
    if (m->device[0] != '\0')
        printf(", in the device %s", m->device);
    printf("\n  ca        %s\n", m->ca);
    if (m->revoked)
        printf("  revoked   yes\n");
}

static void show_wanted(struct arena *a, const struct place *p, const struct status *s)
{
    char due[CLOCK_TEXT_SIZE];

    if (s->plan.action != PLAN_KEEP || s->plan.held || s->deploys)
        printf("  next      %s: %s\n", status_action(s), status_reason(s));
    if (s->plan.attempt != RENEWAL_WHEN_NEVER) {
        clock_text(due, s->plan.attempt);
        printf("  renewal   from %s\n", due);
    } else if (s->there) {
        printf("  renewal   never\n");
    }
    if (s->wanted.cas[0]->ca_file[0] != '\0')
        printf("  ca file   %s\n", s->wanted.cas[0]->ca_file);
    show_challenges(&s->wanted);
    for (size_t i = 0; s->there && i < s->wanted.deployment_count; i++)
        printf("  deployed  %s\n", deploy_status_line(a, p->directory, &s->wanted, i));
}

static void show_failure(struct arena *a, const struct renewal_failure *f)
{
    char when[CLOCK_TEXT_SIZE];
    char again[CLOCK_TEXT_SIZE];
    char *detail = arena_string(a, f->detail != NULL ? f->detail : "");

    text_make_printable(detail); /* parts of it come from the CA */
    clock_text(when, f->when);
    clock_text(again, f->not_before);
    printf("  failed    %" PRId64
           " time%s, last %s: %s\n            tried again from %s\n",
           f->count, f->count == 1 ? "" : "s", when, detail, again);
}

static void show_text(struct arena *a, const struct place *p, const struct status *s,
                      int64_t now)
{
    printf("%s\n", s->name);
    if (s->there)
        show_there(a, s, now);
    if (s->wants)
        show_wanted(a, p, s);
    if (s->renewal.ari.explanation != NULL)
        printf("            the CA says why at %s\n", s->renewal.ari.explanation);
    if (s->renewal.failure.code != NULL)
        show_failure(a, &s->renewal.failure);
    if (s->problem != NULL)
        printf("  problem   %s\n", s->problem);
    printf("  settings  %s\n",
           s->origin == STATUS_LEFT_OVER
               ? "none: neither cairn.yaml nor cairn issue says how it is to be got"
               : status_origin(s->origin));
    printf("  files     %s/fullchain.pem\n            %s/key.pem\n", s->path, s->path);
}

/* What is shown is not all there should be. */
static enum err problem(const struct status *s, struct err_info *why)
{
    return s->problem != NULL ? err_set(why, ERR_STORE, "%s", s->problem) : ERR_OK;
}

/* Records of the next keys take these keys: all else has been read before. */
static enum err confine(const struct client_command *c, const struct place *p,
                        struct err_info *why)
{
    struct work_files files = work_files_make(c->arena, p->directory);

    return work_confine_alone(&files, why);
}

enum err command_show(const struct client_command *c, struct err_info *why)
{
    const char *name = NULL;
    struct place place;
    struct place_names known;
    struct status s;
    int64_t now = clock_now();

    TRY(place_one(c, &name, why));
    TRY(place_look(c, &place, why));
    TRY(place_certificates(c, &place, &known, why));
    status_read(c->arena, &place, name, now, &s);
    if (c->tlsa && !c->json) {
        TRY(confine(c, &place, why));
        return tlsa_print(c->arena, &place, &s, c->port != 0 ? c->port : TLSA_PORT, why);
    }
    if (!c->json) {
        show_text(c->arena, &place, &s, now);
        return problem(&s, why);
    }
    AUTO(buf) struct buf b = buf_make(OUTPUT_MAX);
    struct json_writer w = json_writer_make(&b);
    json_write_begin_object(&w, NULL);
    status_write(&w, &place, &s);
    TRY(confine(c, &place, why));
    tlsa_write(&w, c->arena, &place, &s);
    json_write_end_object(&w);
    printf("%.*s\n", (int)b.len, (const char *)b.data);
    *c->printed = true;
    return problem(&s, why);
}
