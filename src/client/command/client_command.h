/* Commands of cairn: one row in commands.def, one function. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/base/arena.h"
#include "core/base/err.h"
#include "core/cli/cli.h"
#include "core/cli/cli_command.h"

/* Exit codes, documented in cairn(1) and stable. */
enum client_exit {
    CLIENT_EXIT_OK = 0,
    CLIENT_EXIT_FAILED = 1,     /* it could not be done; one line on stderr says why */
    CLIENT_EXIT_USAGE = 64,     /* the command line is wrong */
    CLIENT_EXIT_TRY_LATER = 75, /* nobody's fault: locked, unreachable, busy, too slow */
};

#define CLIENT_CA_DEFAULT  "letsencrypt"
#define CLIENT_KEY_DEFAULT "p256"

/* The command line, read. Members that were not given are NULL, 0, false or empty. */
struct client_command {
    struct arena *arena; /* for the whole command */
#define TEXT   const char *
#define NUMBER int64_t
#define FLAG   bool
#define LIST   struct cli_list
#define CLI_OPTION(name, kind, member, argument, least, most, commands, sentence)        \
    kind member;
#include "client/command/options.def"
#undef CLI_OPTION
#undef TEXT
#undef NUMBER
#undef FLAG
#undef LIST
    struct cli_list arguments;
    bool *printed; /* set when JSON is out that tells of failures itself */
};

/* Each command; failures are reported by the caller. */
#define COMMAND(name, function, arguments, sentence, example)                            \
    MUST_CHECK enum err function(const struct client_command *c, struct err_info *why);
#include "client/command/commands.def"
#undef COMMAND

/* All commands and options, for help and completion. */
extern const struct cli_program client_command_program;

/* Run `cairn ARGUMENTS`: find the row, read the line, report a failure on stderr. Returns
 * the exit code. */
int client_command_run(int argc, char *const *argv);

/* The exit code that belongs to a failure. */
int client_command_exit(enum err result);
