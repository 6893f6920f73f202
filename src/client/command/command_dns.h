/* What the commands of `cairn dns` have in common. */
#pragma once

#include <stdbool.h>

#include "client/command/client_command.h"
#include "core/config/config.h"

/* The names of the command line, each once and in plain form; if `bare`, a wildcard
 * stands for the name below it. In the arena of `c`. ERR_USAGE: there is none, or one is
 * no DNS name. */
MUST_CHECK enum err command_dns_names(const struct client_command *c, bool bare,
                                      struct config_list *names, struct err_info *why);
