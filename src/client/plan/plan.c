/* When, and what for. */
#include "client/plan/plan.h"

#include <stdio.h>
#include <string.h>

#include "client/settings/name.h"
#include "core/base/clock.h"

#define DAY 86400 /* seconds */

/* Of the part that ends first. */
int64_t plan_due(const struct certificate_metadata *m)
{
    int64_t due = INT64_MAX;

    for (size_t i = 0; i < m->part_count; i++) {
        const struct certificate_part *p = &m->parts[i];
        int64_t of_part = p->not_after - (p->not_after - p->not_before) / 3;
        due = of_part < due ? of_part : due;
    }
    return due;
}

bool plan_same_names(const struct certificate_metadata *m, const char *const *names,
                     size_t count)
{
    if (m->name_count != count)
        return false;
    for (size_t i = 0; i < count; i++) {
        bool found = false;
        for (size_t j = 0; j < m->name_count && !found; j++)
            found = strcmp(names[i], m->names[j]) == 0;
        if (!found)
            return false;
    }
    return true;
}

static bool names_device(const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (name_is_device(names[i]))
            return true;
    return false;
}

/* What a device was not asked for again is as it was. */
static bool has_names(const struct settings_certificate *c,
                      const struct certificate_metadata *there)
{
    struct certificate_metadata open = *there;
    const char *names[SETTINGS_NAMES_MAX + 1];

    if (c->device[0] != '\0' && !names_device(c->names.items, c->names.count)) {
        open.names = names;
        open.name_count = 0;
        for (size_t i = 0; i < there->name_count && i < SETTINGS_NAMES_MAX; i++)
            if (!name_is_device(there->names[i]))
                names[open.name_count++] = there->names[i];
    }
    return plan_same_names(&open, c->names.items, c->names.count);
}

static bool has_keys(const struct settings_certificate *c,
                     const struct certificate_metadata *there)
{
    if (there->part_count != c->keys.count)
        return false;
    for (size_t i = 0; i < c->keys.count; i++)
        if (strcmp(c->keys.items[i], there->parts[i].key_type) != 0)
            return false;
    return true;
}

/* One that came from elsewhere is as good as any. */
static bool is_from(const struct wanted *w, const struct certificate_metadata *there)
{
    for (size_t i = 0; i < w->ca_count; i++)
        if (strcmp(w->cas[i]->directory, there->ca) == 0)
            return true;
    return there->ca[0] == '\0';
}

static const char *difference(const struct wanted *w,
                              const struct certificate_metadata *there)
{
    const struct settings_certificate *c = w->certificate;

    if (c->csr[0] == '\0' && !has_names(c, there))
        return "the one that is there has other names";
    if (c->csr[0] == '\0' && !has_keys(c, there))
        return "the one that is there has keys of other types";
    if (strcmp(c->device, there->device) != 0)
        return "the key is to be in another place";
    if (!is_from(w, there))
        return "the one that is there is from another CA";
    return NULL;
}

static void say_left(struct plan *p, const struct certificate_metadata *there,
                     int64_t now)
{
    int64_t end = INT64_MAX;

    for (size_t i = 0; i < there->part_count; i++)
        if (there->parts[i].not_after < end)
            end = there->parts[i].not_after;
    int64_t left = end - now;
    if (left <= 0)
        (void)snprintf(p->reason, sizeof p->reason, "it has expired");
    else if (left < 2 * DAY)
        (void)snprintf(p->reason, sizeof p->reason, "%lld hours are left",
                       (long long)(left / 3600));
    else
        (void)snprintf(p->reason, sizeof p->reason, "%lld days are left",
                       (long long)(left / DAY));
}

void plan_certificate(const struct wanted *w, const struct certificate_metadata *there,
                      int64_t now, struct plan *p)
{
    *p = (struct plan){.action = PLAN_ISSUE};
    if (there == NULL) {
        (void)snprintf(p->reason, sizeof p->reason, "there is none yet");
        return;
    }
    p->due = plan_due(there);
    const char *other = difference(w, there);
    if (other != NULL) {
        p->action = PLAN_REISSUE;
        (void)snprintf(p->reason, sizeof p->reason, "%s", other);
        return;
    }
    p->action = now >= p->due ? PLAN_RENEW : PLAN_KEEP;
    say_left(p, there, now);
}

const char *plan_action(enum plan_action action)
{
    switch (action) {
    case PLAN_ISSUE:
        return "issue";
    case PLAN_REISSUE:
        return "reissue";
    case PLAN_RENEW:
        return "renew";
    default:
        return "keep";
    }
}
