/* Commands of cairn-ca: one row in commands.def, one function. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "core/base/arena.h"
#include "core/base/err.h"
#include "core/cli/cli.h"

/* Exit codes, documented in cairn-ca(8) and stable. */
enum command_exit {
    COMMAND_EXIT_OK = 0,
    COMMAND_EXIT_FAILED = 1,  /* it could not be done; one line on stderr says why */
    COMMAND_EXIT_FOUND = 2,   /* it looked for something wrong, and there is */
    COMMAND_EXIT_AUDIT = 3,   /* the audit log is not as it was written */
    COMMAND_EXIT_USAGE = 64,  /* the command line is wrong */
    COMMAND_EXIT_CONFIG = 78, /* the configuration is wrong */
};

/* The command line, read. Texts point into argv; what was not given is NULL, false or
 * empty. */
struct command_line {
    struct arena *arena; /* for the whole command */
#define TEXT   const char *
#define LIST   struct cli_list
#define FLAG   bool
#define NUMBER int64_t
#define CLI_OPTION(name, kind, member, argument, least, most, commands, sentence)        \
    kind member;
#include "server/command/options.def"
#undef CLI_OPTION
#undef TEXT
#undef LIST
#undef FLAG
#undef NUMBER
    struct cli_list arguments;
};

/* Read what stands behind `command`: the options it takes. --dir must be there if it is
 * one of them. ERR_USAGE. */
MUST_CHECK enum err command_line_read(struct arena *a, const char *command, int argc,
                                      char *const *argv, struct command_line *line,
                                      struct err_info *why);

/* Each command; failures are reported by the caller. */
#define COMMAND(name, function, arguments, sentence, example)                            \
    MUST_CHECK enum err function(const struct command_line *line, struct err_info *why);
#include "server/command/commands.def"
#undef COMMAND

/* Run `cairn-ca ARGUMENTS`: find the row, read the line, report a failure on stderr.
 * Returns the exit code. */
int command_run(int argc, char *const *argv);
