/* The names of a certificate. */
#pragma once

#include "client/settings/settings.h"

/* Make them canonical, each once: DNS names and wildcards, with a dot at their end or
 * without, addresses however they are
 * written, TYPE:VALUE of devices. ERR_CONFIG. */
MUST_CHECK enum err settings_names_read(struct arena *a, struct config_list *names,
                                        struct err_info *why);

/* What a certificate for these names is called if nobody says it: its first name, with
 * other letters where a file's name cannot have them; "device" if there is none. It
 * begins with no hyphen, and one that is too long ends in something of a digest of the
 * whole. */
const char *settings_names_title(struct arena *a, const struct config_list *names);
