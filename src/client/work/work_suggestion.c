/* Suggestions of CAs. */
#include "client/work/work_suggestion.h"

#include <string.h>

#include "client/flow/flow_renewal_info.h"
#include "client/proc/wire.h"
#include "client/renewal/ca_state.h"
#include "client/work/issuing.h"
#include "core/base/clock.h"

static enum err ask_once(struct arena *a, const struct work *k, const char *ca,
                         struct span roots, const char *id,
                         struct flow_renewal_info *info, struct err_info *why)
{
    const struct wire_message m = {
        WIRE_RENEWAL_INFO, {span_of(ca), roots, span_of(id)}, 3};
    struct wire_message back;

    TRY(wire_send(k->crew->network.fd, &m, why));
    TRY(wire_receive(a, k->crew->network.fd, &back, NULL, why));
    if (back.type == WIRE_FINISH && back.count == 1)
        return flow_renewal_info_read(a, back.fields[0], info, why);
    return wire_failure(&back, why);
}

/* Of several answers: the window that begins first, and the shortest wait. */
static void add(struct flow_renewal_info *all, const struct flow_renewal_info *one)
{
    all->offered = all->offered || one->offered;
    if (one->start != 0 && (all->start == 0 || one->start < all->start)) {
        all->start = one->start;
        all->end = one->end;
        all->explanation = one->explanation;
    }
    if (one->retry_after != 0 &&
        (all->retry_after == 0 || one->retry_after < all->retry_after))
        all->retry_after = one->retry_after;
}

static enum err ask_all(struct arena *a, const struct work *k,
                        const struct settings_ca *ca,
                        const struct certificate_metadata *m,
                        struct flow_renewal_info *all, struct err_info *why)
{
    const struct issuing of = {.ca = ca};
    struct span roots = span_of("");

    TRY(issuing_read_roots(a, &of, &roots, why));
    TRY(crew_start(k->crew, why));
    for (size_t i = 0; i < m->part_count; i++) {
        struct flow_renewal_info one = {0};
        if (m->parts[i].id[0] == '\0')
            continue;
        TRY(ask_once(a, k, ca->directory, roots, m->parts[i].id, &one, why));
        add(all, &one);
    }
    return ERR_OK;
}

/* The CA that issued it, if it is still one of those that are wanted. */
static const struct settings_ca *issuer_of(const struct wanted *w,
                                           const struct certificate_metadata *m)
{
    for (size_t i = 0; i < w->ca_count; i++)
        if (strcmp(w->cas[i]->directory, m->ca) == 0)
            return w->cas[i];
    return NULL;
}

static void tell(const struct work *k, const struct wanted *w,
                 const struct renewal_suggestion *s, const char *explained)
{
    char start[CLOCK_TEXT_SIZE];
    char moment[CLOCK_TEXT_SIZE];

    if (s->moment == 0)
        return;
    clock_text(start, s->start);
    clock_text(moment, s->moment);
    report_step(&k->report, "ari",
                "%s: the CA suggests to renew from %s on; it will be %s",
                w->certificate->name, start, moment);
    if (s->explanation != NULL &&
        (explained == NULL || strcmp(explained, s->explanation) != 0))
        report_warning("%s: the CA wants it renewed, and says why at %s",
                       w->certificate->name, s->explanation);
}

enum err work_suggestion(struct arena *a, const struct work *k, const struct wanted *w,
                         struct work_look *look, int64_t now, struct err_info *why)
{
    const struct settings_ca *ca = issuer_of(w, &look->metadata);
    const char *explained = look->state.ari.explanation;
    int64_t before = look->state.ari.moment;
    struct flow_renewal_info all = {0};
    struct err_info problem = {0};

    enum err result =
        ca == NULL ? ERR_OK : ca_state_ask(a, k->directory, ca->directory, now, &problem);
    if (ca != NULL && result == ERR_OK) {
        result = ask_all(a, k, ca, &look->metadata, &all, &problem);
        TRY(ca_state_note(a, k->directory, ca->directory, result, &problem, now, why));
    }
    if (result == ERR_INTERRUPTED)
        return err_set(why, ERR_INTERRUPTED, "interrupted");
    if (result == ERR_OK)
        renewal_state_suggest(a, &look->state, look->suggestion, all.start, all.end,
                              all.explanation, all.retry_after, now);
    else
        renewal_state_unanswered(a, &look->state, look->suggestion, &problem, now);
    if (look->state.ari.moment != before)
        tell(k, w, &look->state.ari, explained);
    return renewal_state_save(a, k->directory, w->certificate->name, &look->state, why);
}
