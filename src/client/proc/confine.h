/* The process with the keys and the files gives up what that does not take. */
#pragma once

#include "core/base/err.h"
#include "core/jail/jail.h"

/* Enter for good. From here on this process starts no other and no program, opens no
 * socket, listens and connects nowhere, sees of the files those below `paths`, and has of
 * root's rights those to open, to own and to give away files. What else there is to do is
 * asked of the runner (run/run_crew.h), which must have been started before. A kernel
 * without Landlock or seccomp is gone without. ERR_INTERNAL; the process must exit
 * then. */
MUST_CHECK enum err confine_enter(const struct jail_path *paths, size_t count,
                                  struct err_info *why);
