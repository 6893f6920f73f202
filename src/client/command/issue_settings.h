/* What the command line of issue asks for, as settings. */
#pragma once

#include "client/command/client_command.h"
#include "client/settings/settings.h"

/* Make settings with one certificate of what cairn.yaml knows (`base`: its CAs, providers
 * and deployments, and what certificates begin as) and the command line, and check them.
 * ERR_USAGE with a sentence that names the option. */
MUST_CHECK enum err issue_settings_make(const struct client_command *c,
                                        const struct settings *base, struct wanted *w,
                                        struct err_info *why);

/* How http-01 is answered, as the command line says it, with a path that stays right when
 * renew runs from another folder. ERR_USAGE if there is nothing at that path. */
MUST_CHECK enum err issue_settings_way(struct arena *a, const char *text,
                                       const char **way, struct err_info *why);
