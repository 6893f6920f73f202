/* The policy of an external account key, from arguments. */
#pragma once

#include "server/admin/admin.h"

/* The JSON text of the policy that the arguments of `eab add` describe (as
 * exchange/external_policy reads it), in the arena of the call. ERR_USAGE. */
MUST_CHECK enum err admin_eab_policy(const struct admin_call *call, const char **text,
                                     struct err_info *why);
