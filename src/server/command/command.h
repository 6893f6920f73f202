/* Commands of cairn-ca: one row in commands.def, one function. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "core/base/arena.h"
#include "core/base/err.h"

#define COMMAND_LIST_MAX                                                                 \
    64 /* --set, --dns-name, --listen: each so many times at most                        \
        */

/* Exit codes, documented in cairn-ca(8) and stable. */
enum command_exit {
    COMMAND_EXIT_OK = 0,
    COMMAND_EXIT_FAILED = 1,  /* it could not be done; one line on stderr says why */
    COMMAND_EXIT_USAGE = 64,  /* the command line is wrong */
    COMMAND_EXIT_CONFIG = 78, /* the configuration is wrong */
};

/* The command line, read. Texts point into argv. */
struct command_line {
    struct arena *arena; /* for the whole command */
    const char *directory;
    const char *name;
    const char *passphrase_file;
    const char *sets[COMMAND_LIST_MAX];
    size_t set_count;
    const char *dns_names[COMMAND_LIST_MAX];
    size_t dns_name_count;
    const char *listens[COMMAND_LIST_MAX];
    size_t listen_count;
    const char *topic; /* of help */
    bool json;
};

/* Read what stands behind the command's name; `arguments` says which options it takes
 * (the row's text). ERR_USAGE. */
MUST_CHECK enum err command_line_read(struct arena *a, const char *arguments, int argc,
                                      char *const *argv, struct command_line *line,
                                      struct err_info *why);

/* Each command; failures are reported by the caller. */
MUST_CHECK enum err command_init(const struct command_line *line, struct err_info *why);
MUST_CHECK enum err command_serve(const struct command_line *line, struct err_info *why);
MUST_CHECK enum err command_check_config(const struct command_line *line,
                                         struct err_info *why);
MUST_CHECK enum err command_help(const struct command_line *line, struct err_info *why);
MUST_CHECK enum err command_version(const struct command_line *line,
                                    struct err_info *why);

/* Run `cairn-ca ARGUMENTS`: find the row, read the line, report a failure on stderr.
 * Returns the exit code. */
int command_run(int argc, char *const *argv);
