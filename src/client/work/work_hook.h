/* pre_hook and post_hook of a certificate: commands around an attempt to get it. */
#pragma once

#include "client/work/work.h"

/* Run what the settings of the certificate name, by the runner of the crew, which is
 * started if need be; nothing if they name none. Environment: CAIRN_NAME, CAIRN_NAMES
 * (with spaces between), CAIRN_DIR (folder that shows it), and of post_hook CAIRN_OUTCOME
 * (issued or failed). ERR_HOOK if it fails, in the words it ends with; ERR_INTERRUPTED.
 */
MUST_CHECK enum err work_hook_before(struct arena *a, const struct work *k,
                                     const struct wanted *w, struct err_info *why);
MUST_CHECK enum err work_hook_after(struct arena *a, const struct work *k,
                                    const struct wanted *w, enum err outcome,
                                    struct err_info *why);
