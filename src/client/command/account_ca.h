/* Which CA an account is at, as the command line of account and revoke says. */
#pragma once

#include "client/command/client_command.h"
#include "client/settings/settings.h"

/* The CA of --ca (a name in cairn.yaml or a known one, or the URL of a directory), else
 * the settings' own; with --ca-file and --eab-* over what settings say. ERR_USAGE. */
MUST_CHECK enum err account_ca_find(const struct client_command *c, struct settings *s,
                                    const struct settings_ca **ca, struct err_info *why);
