/* Inside settings: how the validator sees the world. */
#pragma once

#include "server/settings/settings.h"

/* What validation.* says. ERR_CONFIG names the option. */
MUST_CHECK enum err settings_view_general(struct arena *a, const struct settings *s,
                                          struct settings_view *view,
                                          struct err_info *why);

/* What a directory says, with the rest from the general one. ERR_CONFIG. */
MUST_CHECK enum err settings_view_directory(struct arena *a, const struct settings *s,
                                            struct settings_directory *directory,
                                            struct err_info *why);
