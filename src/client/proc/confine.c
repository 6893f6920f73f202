/* The main process's jail. */
#include "client/proc/confine.h"

#include <linux/capability.h>

#include "client/proc/rights.h"

/* To write what belongs to others, and to give it to them. */
#define KEPT                                                                             \
    (1U << CAP_CHOWN | 1U << CAP_DAC_OVERRIDE | 1U << CAP_DAC_READ_SEARCH |              \
     1U << CAP_FOWNER)

enum err confine_enter(const struct jail_path *paths, size_t count, struct err_info *why)
{
    const struct jail_plan plan = {.groups = JAIL_BASE | JAIL_FILE | JAIL_STORE |
                                             JAIL_FOLDER | JAIL_CHANNEL | JAIL_LOOP,
                                   .paths = paths,
                                   .path_count = count,
                                   .silent = true};

    if (!rights_keep(KEPT))
        return err_set(why, ERR_INTERNAL, "root's rights cannot be given up");
    return jail_enter(&plan, why);
}
