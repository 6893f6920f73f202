/* Administration commands as the user meets them: options, request, output. */
#pragma once

#include "core/cli/cli.h"
#include "server/admin/admin.h"

/* The options of an administration command; in the arena. For its help, with what stands
 * without a dash. */
const struct cli_table *command_admin_options(struct arena *a,
                                              const struct admin_command *command,
                                              bool for_help);

/* Read the words behind "noun verb", let the CA or its store do it, print what came of
 * it. ERR_USAGE, and whatever failed. */
MUST_CHECK enum err command_admin_run(struct arena *a,
                                      const struct admin_command *command, int argc,
                                      char *const *argv, struct err_info *why);

/* Append a result for people: "name: value" lines, and a table for a list of objects.
 * `result` is an object. */
void command_admin_print(struct arena *a, struct buf *b, const struct json *result);
