/* Commands of cairn: one row in commands.def, one function. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "client/settings/settings.h"
#include "core/base/arena.h"
#include "core/base/err.h"
#include "core/cli/cli.h"
#include "core/cli/cli_command.h"

/* Exit codes, documented in cairn(1) and stable. */
enum client_exit {
    CLIENT_EXIT_OK = 0,         /* done; something was changed, or shown */
    CLIENT_EXIT_FAILED = 1,     /* it could not be done; one line on stderr says why */
    CLIENT_EXIT_UNCHANGED = 2,  /* there was nothing to do */
    CLIENT_EXIT_NETWORK = 3,    /* the CA, or a name server, cannot be reached */
    CLIENT_EXIT_REFUSED = 4,    /* the CA refused */
    CLIENT_EXIT_VALIDATION = 5, /* control of a name was not proved */
    CLIENT_EXIT_RATE_LIMIT = 6, /* too often; the sentence says when again */
    CLIENT_EXIT_DEPLOY = 7,     /* the certificate is there, but not where it is used */
    CLIENT_EXIT_USAGE = 64,     /* the command line or the settings are wrong */
    CLIENT_EXIT_LOCKED = 75,    /* another cairn works on it */
};

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
    bool *printed;   /* set when JSON is out that tells of failures itself */
    bool *unchanged; /* set by a command that found nothing to do */
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

/* The path as an absolute one, in the arena: hooks are told of it and run elsewhere, and
 * messages show no "//". It need not be there. ERR_IO. */
MUST_CHECK enum err client_command_path(struct arena *a, const char *path,
                                        const char **whole, struct err_info *why);

/* The state folder: what --dir says, else the settings, else the usual one. ERR_USAGE. */
MUST_CHECK enum err client_command_directory(const struct client_command *c,
                                             const struct settings *settings,
                                             const char **directory,
                                             struct err_info *why);

/* The exit code that belongs to a failure. */
int client_command_exit(enum err result);
