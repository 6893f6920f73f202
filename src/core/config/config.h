/* Configuration: a YAML file bound to a struct by one table of options.
 *
 * Options are "key" or "section.key". Unknown keys, wrong types and values out of bounds
 * are errors that name file, line, column and the nearest known option. Any option can be
 * set again by "path=value" texts (the command line's --set). */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "core/base/arena.h"
#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/base/span.h"

#define CONFIG_FILE_MAX (1024 * 1024) /* octets of a configuration file */
#define CONFIG_LIST_MAX 1000          /* elements of one list */

enum config_kind {
    CONFIG_TEXT,     /* const char *; never NULL */
    CONFIG_NUMBER,   /* int64_t within least..most */
    CONFIG_BOOL,     /* bool: true or false */
    CONFIG_DURATION, /* int64_t milliseconds within least..most; "90d", "15m", "250ms" */
    CONFIG_LIST, /* struct config_list of texts; a single text counts as a list of one */
};

struct config_list {
    const char *const *items;
    size_t count;
};

/* One option. `fallback` is the default as it would be written in the file (a list:
 * elements separated by spaces). */
struct config_option {
    const char *path;
    enum config_kind kind;
    size_t offset; /* of the member in the settings struct */
    const char *fallback;
    int64_t least; /* numbers and durations only */
    int64_t most;
    const char *sentence; /* what it is for, one sentence, for the file and the manual */
};

struct config_table {
    const struct config_option *options;
    size_t count;
};

/* Fill every option of `settings` with its default. */
MUST_CHECK enum err config_defaults(struct arena *a, const struct config_table *table,
                                    void *settings, struct err_info *why);

/* Read YAML `text` over what `settings` holds; `file` names it in errors. ERR_CONFIG as
 * "FILE:LINE:COLUMN: what is wrong; did you mean NAME?". */
MUST_CHECK enum err config_read(struct arena *a, const struct config_table *table,
                                const char *file, struct span text, void *settings,
                                struct err_info *why);

/* Apply one "path=value"; ERR_CONFIG naming it as --set. A list is split at spaces or
 * commas. */
MUST_CHECK enum err config_set(struct arena *a, const struct config_table *table,
                               const char *assignment, void *settings,
                               struct err_info *why);

/* Append a commented YAML file with every option of the table at the value it has in
 * `settings`; options are grouped by section in table order. */
void config_write(struct buf *b, const struct config_table *table, const void *settings);
