/* How control is to be proved, as the command line says it. */
#pragma once

#include "client/command/client_command.h"
#include "client/store/ways.h"

/* Read the options about challenges. What was set up by an option of its own may be
 * answered, unless --challenge says which and in what order; without either, http-01.
 * Paths are made absolute. ERR_USAGE. */
MUST_CHECK enum err proving_read(const struct client_command *c, struct ways *ways,
                                 struct err_info *why);

/* Can each of the names be proved that way? ERR_USAGE names one that cannot and what
 * could. */
MUST_CHECK enum err proving_check_names(const struct ways *ways, const char *const *names,
                                        size_t count, struct err_info *why);

/* A path that stays right when renew runs from another folder. ERR_USAGE. */
MUST_CHECK enum err proving_whole_path(const struct client_command *c, const char *option,
                                       const char *path, const char **whole,
                                       struct err_info *why);
