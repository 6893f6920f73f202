/* Command lines bound to a struct by one table of options, with "did you mean". */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/buf.h"
#include "core/base/err.h"

#define CLI_LIST_MAX 128 /* values of one repeated option, or arguments */

enum cli_kind {
    CLI_FLAG,   /* bool */
    CLI_TEXT,   /* const char * */
    CLI_NUMBER, /* int64_t within least..most */
    CLI_LIST,   /* struct cli_list: the option may be repeated */
};

struct cli_list {
    const char *items[CLI_LIST_MAX];
    size_t count;
};

/* One option, such as --http-port PORT. */
struct cli_option {
    const char *name; /* with its dashes */
    enum cli_kind kind;
    const char *argument; /* what its value is called in the help; "" for a flag */
    size_t offset;        /* of the member in the struct */
    int64_t least;        /* numbers only */
    int64_t most;
    const char *commands; /* names of the commands that take it, separated by spaces; a
                             space within a name is written "_" */
    const char *sentence; /* for the help */
};

struct cli_table {
    const struct cli_option *options;
    size_t count;
};

/* Read the words behind the command `command` into `values`: options of the table that it
 * takes (as --name VALUE or --name=VALUE), everything else into `arguments` unless that
 * is NULL; "--" ends the options. Texts point into argv. ERR_USAGE names the nearest
 * option. */
MUST_CHECK enum err cli_read(const struct cli_table *table, const char *command, int argc,
                             char *const *argv, void *values, struct cli_list *arguments,
                             struct err_info *why);

/* Does the command take that option? */
bool cli_takes(const struct cli_table *table, const char *command, const char *option);

/* Append the help of the options that `command` takes, one a line. */
void cli_help(struct buf *b, const struct cli_table *table, const char *command);
