/* What serving a CA and serving a perspective have in common. */
#pragma once

#include "core/config/config.h"
#include "server/command/command.h"
#include "server/proc/supervisor.h"
#include "server/settings/settings.h"

/* A sealed file in memory with the text, for the children to read. ERR_IO. */
MUST_CHECK enum err command_serve_keep(struct span text, int *fd, struct err_info *why);

/* Listen on all of ADDRESS:PORT; `listeners` has room for them. ERR_CONFIG, ERR_NETWORK,
 * ERR_UNAUTHORIZED. */
MUST_CHECK enum err command_serve_listen(struct arena *a, const struct config_list *list,
                                         uint64_t kind,
                                         struct supervisor_listener *listeners,
                                         struct err_info *why);

/* What every child is started with, behind its role. In the arena. */
char **command_serve_arguments(struct arena *a, const struct command_line *line,
                               bool is_host);

/* Say on stderr that all is ready. */
void command_serve_announce(const char *url, void *context);

/* Can the signer begin with these settings: are the keys those of the certificates? Asked
 * of a process that ends at once. ERR_CONFIG with what is wrong. */
MUST_CHECK enum err command_serve_try_signer(const struct settings *settings,
                                             struct err_info *why);
