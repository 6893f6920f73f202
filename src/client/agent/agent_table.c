/* Who is to be seen to when. */
#include "client/agent/agent_table.h"

#include <stdlib.h>
#include <string.h>

#include "client/renewal/renewal_when.h"
#include "client/work/work_look.h"
#include "client/work/work_many.h"
#include "core/base/memory.h"
#include "core/base/random.h"

#define AGAIN_MAX_S 60 /* the agent's pause after an attempt, at most */

static int compare(const void *name, const void *entry)
{
    return strcmp(name, ((const struct agent_entry *)entry)->name);
}

struct agent_entry *agent_table_find(const struct agent_table *t, const char *name)
{
    if (t->count == 0)
        return NULL;
    return bsearch(name, t->entries, t->count, sizeof *t->entries, compare);
}

/* Is it due for a reason that many hosts may have at the same time? */
static bool is_common(const struct work_look *look)
{
    return look->there && look->state.failure.count == 0 &&
           look->next == look->plan.attempt && look->state.ari.moment == 0;
}

/* What was drawn lies within the jitter, unless the clock was set back since. */
static bool still_holds(const struct agent_entry *e, const struct work_look *look,
                        int64_t jitter_ms, int64_t now)
{
    int64_t from = look->next > now ? look->next : now;

    return e->due == look->next && e->due != 0 &&
           e->next <= from + jitter_ms / 1000 + AGAIN_MAX_S;
}

void agent_table_look(struct agent_table *t, struct agent_entry *e,
                      const struct settings *settings, int64_t now)
{
    AUTO(arena) struct arena *a = arena_new();
    struct work_look look;
    struct err_info why = {0};
    struct wanted w;

    enum err found = work_find(a, t->directory, settings, e->name, &w, &why);
    if (found == ERR_IO && e->next == 0)
        e->next = now; /* once: who works on it tells why it cannot be read */
    else if (found != ERR_OK)
        e->next = RENEWAL_WHEN_NEVER; /* nothing says how it is to be got */
    if (found != ERR_OK)
        return;
    work_look(a, t->directory, &w, now, &look);
    if (look.next == RENEWAL_WHEN_NEVER) { /* and no moment later than that */
        e->due = e->next = RENEWAL_WHEN_NEVER;
        return;
    }
    if (still_holds(e, &look, settings->agent_jitter, now))
        return;
    e->due = e->next = look.next;
    if (!is_common(&look) || settings->agent_jitter == 0)
        return;
    int64_t from = e->due > now ? e->due : now;
    e->next = from + (int64_t)random_below((uint64_t)settings->agent_jitter / 1000 + 1);
}

enum err agent_table_update(struct agent_table *t, const struct settings *settings,
                            int64_t now, struct err_info *why)
{
    AUTO(arena) struct arena *a = arena_new();
    const char *const *names = NULL;
    size_t count = 0;
    size_t kept = 0;

    TRY(work_many_names(a, t->directory, settings, &names, &count, why));
    struct agent_entry *fresh = memory_get_zeroed(count + t->count + 1, sizeof *fresh);
    size_t old = 0;
    for (size_t i = 0; i < count || old < t->count;) {
        int order = i == count        ? 1
                    : old == t->count ? -1
                                      : strcmp(names[i], t->entries[old].name);
        struct agent_entry *e = &fresh[kept];
        if (order < 0) {
            e->name = memory_copy_string(names[i]);
        } else {
            *e = t->entries[old++];
            if (order > 0 && !e->busy) {
                free(e->name); /* it is gone */
                continue;
            }
        }
        i += order <= 0;
        kept++;
        if (!e->busy)
            agent_table_look(t, e, settings, now);
    }
    free(t->entries);
    t->entries = fresh;
    t->count = kept;
    return ERR_OK;
}

struct agent_entry *agent_table_due(const struct agent_table *t, int64_t now)
{
    for (size_t i = 0; i < t->count; i++) {
        struct agent_entry *e = &t->entries[i];
        if (!e->busy && (e->asked || e->next <= now))
            return e;
    }
    return NULL;
}

int64_t agent_table_next(const struct agent_table *t)
{
    int64_t next = RENEWAL_WHEN_NEVER;

    for (size_t i = 0; i < t->count; i++)
        if (!t->entries[i].busy && t->entries[i].next < next)
            next = t->entries[i].next;
    return next;
}

void agent_table_end(struct agent_table *t)
{
    for (size_t i = 0; i < t->count; i++)
        free(t->entries[i].name);
    free(t->entries);
    t->entries = NULL;
    t->count = 0;
}
