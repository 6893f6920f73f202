/* Inside core/config: how a text becomes an option's value. */
#pragma once

#include "core/config/config.h"

/* The option of that path, or NULL. */
const struct config_option *config_value_find(const struct config_table *table,
                                              const char *path);

/* The path of the option that looks most like `path`; NULL only for an empty table. */
const char *config_value_nearest(const struct config_table *table, const char *path);

/* Set one option from a text; ERR_CONFIG naming the option. */
MUST_CHECK enum err config_value_set(struct arena *a, const struct config_option *option,
                                     const char *text, void *settings,
                                     struct err_info *why);
