/* Looking at one certificate. */
#include "client/work/work_look.h"

#include "client/deploy/deploy.h"
#include "client/renewal/renewal_when.h"
#include "client/store/certificate_files.h"
#include "client/work/issuing_csr.h"
#include "client/work/work_notify.h"

/* All parts are renewed as one, so the CA is asked about all. */
static const char *suggestion_of(struct arena *a, const struct certificate_metadata *m)
{
    const char *all = NULL;

    for (size_t i = 0; i < m->part_count; i++) {
        if (m->parts[i].id[0] == '\0')
            continue; /* it has no name there */
        all =
            all == NULL ? m->parts[i].id : arena_printf(a, "%s,%s", all, m->parts[i].id);
    }
    return all;
}

static int64_t earlier(int64_t x, int64_t y)
{
    return x < y ? x : y;
}

void work_look_again(const struct wanted *w, int64_t now, struct work_look *look)
{
    plan_certificate(w, look->there ? &look->metadata : NULL, &look->state, &look->facts,
                     now, &look->plan);
    look->next = look->plan.attempt;
    look->ask = false;
    /* of what is to be replaced anyway, or has expired, nobody asks (RFC 9773 4.3) */
    if (look->suggestion != NULL && look->plan.asks && look->plan.action == PLAN_KEEP) {
        look->ask = renewal_when_ask(&look->state, look->suggestion, now);
        look->next = look->ask ? now : earlier(look->next, look->state.ari.ask_after);
    }
    if (look->deploy || look->deploy_next != 0)
        look->next = earlier(look->next, look->deploy ? now : look->deploy_next);
    look->next = earlier(look->next, look->tell);
    look->due = look->ask || look->deploy || look->tell <= now ||
                (look->plan.action != PLAN_KEEP && !look->plan.waits);
}

/* When somebody is to be told something. */
static int64_t tell_at(struct arena *a, const char *directory, const struct wanted *w,
                       const struct work_look *look, int64_t now)
{
    struct renewal_notice_facts facts;
    int64_t when = RENEWAL_WHEN_NEVER;

    if (w->settings->notify_command[0] == '\0')
        return RENEWAL_WHEN_NEVER;
    work_notify_facts(a, directory, w, look->there ? &look->metadata : NULL, &facts);
    (void)renewal_notice_find(&look->state, &facts, now, &when);
    return when;
}

struct plan_facts work_look_facts(struct arena *a, const char *directory,
                                  const struct wanted *w,
                                  const struct certificate_metadata *there)
{
    const char *folder = certificate_store_path(a, directory, w->certificate->name);

    return (struct plan_facts){
        .csr = issuing_csr_digest(a, w->certificate->csr),
        .damage = there != NULL ? certificate_files_damage(a, folder, there) : NULL};
}

void work_look(struct arena *a, const char *directory, const struct wanted *w,
               int64_t now, struct work_look *look)
{
    const char *name = w->certificate->name;
    struct err_info why = {0};
    struct err_info ignored = {0};

    *look = (struct work_look){0};
    enum err result = certificate_store_get(a, directory, name, &look->metadata, &why);
    look->there = result == ERR_OK;
    if (result == ERR_IO)
        look->unreadable = arena_string(a, why.detail);
    (void)renewal_state_load(a, directory, name, &look->state, &ignored);
    look->facts = work_look_facts(a, directory, w, look->there ? &look->metadata : NULL);
    if (look->there)
        renewal_state_settle(&look->state, &look->metadata);
    if (look->there)
        look->suggestion = suggestion_of(a, &look->metadata);
    if (look->there && w->deployment_count > 0)
        look->deploy = deploy_is_due(a, directory, w, now, &look->deploy_next);
    look->tell = tell_at(a, directory, w, look, now);
    work_look_again(w, now, look);
}
