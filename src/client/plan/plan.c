/* When, and what for. */
#include "client/plan/plan.h"

#include <string.h>

int64_t plan_due(const struct certificate_metadata *m)
{
    return m->not_after - (m->not_after - m->not_before) / 3;
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
