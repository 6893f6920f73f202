/* Inside settings: the table of options.def. */
#pragma once

#include "core/config/config.h"

/* Every option of cairn-ca.yaml; static. */
const struct config_table *settings_table(void);
