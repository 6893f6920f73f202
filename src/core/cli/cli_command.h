/* The commands of a program as its user meets them: help, and words that are none. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "core/base/arena.h"
#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/cli/cli.h"

/* One command; the function that runs it is the program's business. */
struct cli_command {
    const char *name;
    const char *arguments; /* what stands behind its options, such as "NAME..." */
    const char *sentence;
    const char *example; /* a whole command line, or "" */
};

struct cli_program {
    const char *name;
    const char *purpose; /* one line */
    const char *ending;  /* lines at the end of the overview */
    const struct cli_command *commands;
    size_t command_count;
    const struct cli_table *options;
};

/* What a line asks for. */
struct cli_choice {
    const struct cli_command *command; /* NULL: help, of all or of a group */
    const char *group; /* help of the commands that begin with this word; or NULL */
    bool help;         /* help is asked for, nothing else */
    int used;          /* words of the line that are the name of the command */
};

/* Find what the words of a command line ask for, without the program's name: a command
 * whose name is its first two words, or its first; "help" before it or --help behind it
 * asks for help; "--version" is "version". A program has rows "help" and "version". No
 * words are "help". ERR_USAGE says what may have been meant. */
MUST_CHECK enum err cli_command_choose(struct arena *a, const struct cli_program *program,
                                       int count, char *const *words,
                                       struct cli_choice *choice, struct err_info *why);

/* Append the help that was asked for. */
void cli_command_help_of(struct buf *b, const struct cli_program *program,
                         const struct cli_choice *choice);

/* The command of that name. ERR_USAGE says what may have been meant. */
MUST_CHECK enum err cli_command_find(const struct cli_program *program, const char *name,
                                     const struct cli_command **command,
                                     struct err_info *why);

/* Append what `PROGRAM help` shows. */
void cli_command_overview(struct buf *b, const struct cli_program *program);

/* The same of the commands that begin with the word `noun` only. */
void cli_command_group(struct buf *b, const struct cli_program *program,
                       const char *noun);

/* Append what `PROGRAM help COMMAND` shows. */
void cli_command_help(struct buf *b, const struct cli_program *program,
                      const struct cli_command *command);
