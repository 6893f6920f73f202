/* The panel of perspectives, from the settings. */
#include <string.h>

#include "server/order/order_desk.h"
#include "server/settings/settings.h"

const struct order_desk_panel *order_desk_panel_of(struct arena *a,
                                                   const struct settings *s)
{
    size_t count = s->perspectives.count;
    struct order_desk_perspective *remotes = arena_array(a, count + 1, sizeof *remotes);
    struct order_desk_panel *panel = arena_get(a, sizeof *panel);

    if (count == 0 || !s->quorum.asked)
        return NULL;
    for (size_t i = 0; i < count; i++) {
        const struct settings_perspective *from = s->perspectives.members[i];
        size_t same = 0;
        while (same < i && strcmp(remotes[same].region, from->region) != 0)
            same++;
        remotes[i] = (struct order_desk_perspective){from->name, from->region, same};
    }
    panel->enforced = s->quorum.enforced;
    panel->rule.minimum = s->quorum_minimum;
    panel->rule.may_differ = s->quorum.may_differ;
    panel->rule.regions = s->quorum_regions;
    panel->timeout_ms = s->quorum_timeout;
    panel->remotes = remotes;
    panel->count = count;
    return panel;
}

_Static_assert(SETTINGS_QUORUM_BY_TABLE == QUORUM_BY_TABLE, "one number for both");
_Static_assert(SETTINGS_PERSPECTIVES_MAX <= QUORUM_REMOTES_MAX,
               "all of them can be asked");
