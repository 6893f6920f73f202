/* The certificates the agent knows, and when each is to be seen to. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/agent/agent_metrics.h"
#include "client/settings/settings.h"
#include "core/base/err.h"

struct agent_entry {
    char *name;       /* owned */
    int64_t next;     /* seconds; RENEWAL_WHEN_NEVER */
    int64_t due;      /* what `next` was drawn for; 0: nothing */
    bool asked;       /* the control socket wants it, whatever its time */
    bool forced;      /* and a new certificate in any case */
    bool busy;        /* a worker has it */
    bool forcing;     /* and makes a new certificate in any case */
    uint64_t waiting; /* clients of the control socket that want to know: bits */
};

struct agent_table {
    const char *directory;       /* state folder, of who has the table */
    struct agent_entry *entries; /* sorted by name; owned */
    size_t count;
};

/* Learn which certificates there are: new ones are looked at, those that are gone leave
 * unless they are busy. ERR_IO. */
MUST_CHECK enum err agent_table_update(struct agent_table *t,
                                       const struct settings *settings, int64_t now,
                                       struct err_info *why);

/* Look again at one, after something has happened to it, and draw its moment: what is due
 * by its lifetime or the user's rule is begun within agent.jitter, what the CA suggested
 * has its moment already. */
void agent_table_look(struct agent_table *t, struct agent_entry *e,
                      const struct settings *settings, int64_t now);

/* The first that is to be worked on now; NULL if none is. */
struct agent_entry *agent_table_due(const struct agent_table *t, int64_t now);

/* When the next one will be; RENEWAL_WHEN_NEVER. */
int64_t agent_table_next(const struct agent_table *t);

/* Of that name, or NULL. */
struct agent_entry *agent_table_find(const struct agent_table *t, const char *name);

/* Forget all. */
void agent_table_end(struct agent_table *t);
