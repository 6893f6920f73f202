/* Inside settings: what the perspectives on other hosts must agree on. */
#pragma once

#include "server/settings/settings.h"

/* Read quorum.* and check that the perspectives there are can meet it. ERR_CONFIG names
 * the option. */
MUST_CHECK enum err settings_quorum_check(struct settings *s, struct err_info *why);
