/* Configuration: a YAML file bound to a struct by one table of options.
 *
 * Options are "key", "section.key", or "family.NAME.key" where the file names the
 * members. Unknown keys, wrong types and values out of bounds are errors that name file,
 * line, column and the nearest known option, if one is near. Any option can be set again
 * by "path=value" texts (the command line's --set). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/arena.h"
#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/base/span.h"

#define CONFIG_FILE_MAX    (1024 * 1024) /* octets of a configuration file */
#define CONFIG_LIST_MAX    1000          /* elements of one list */
#define CONFIG_MEMBERS_MAX 100           /* members of a family that says nothing else */
#define CONFIG_NAME_MAX    32 /* octets of a member's name, unless it is a file's */

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

/* Sections below one key, named by whoever writes the file: "profiles.NAME.lifetime".
 * Each is a struct of its own, which begins with `const char *name`. */
struct config_family {
    const char *section;
    const struct config_option *options; /* of one member */
    size_t option_count;
    size_t size;          /* of a member's struct */
    size_t offset;        /* of the struct config_group in the settings struct */
    const char *sentence; /* what it is for, for the file and the manual */
    size_t max;           /* members; 0: CONFIG_MEMBERS_MAX */
    bool (*is_name)(const char *name); /* what a member may be called; NULL: 1 to
                                          CONFIG_NAME_MAX of a-z 0-9, hyphens between */
    const char *alphabet;              /* of such names, for complaints; NULL with that */
    size_t seed; /* offset in the settings struct of a member's struct that fresh ones are
                    copies of; 0: they have the defaults of the table */
};

/* The members of a family in the order they came. */
struct config_group {
    void **members;
    size_t count;
    size_t room;
    uint32_t *slots; /* of a large one, where a name's hash leads: numbers of members,
                        from 1 on; NULL: they are looked through */
    size_t slot_count;
};

struct config_table {
    const struct config_option *options;
    size_t count;
    const struct config_family *families;
    size_t family_count;
};

/* The member of that name, or NULL. */
void *config_group_find(const struct config_group *group, const char *name);

/* Fill every option of `settings` with its default; families are empty. */
MUST_CHECK enum err config_defaults(struct arena *a, const struct config_table *table,
                                    void *settings, struct err_info *why);

/* Read YAML `text` over what `settings` holds; `file` names it in errors. A family that
 * stands in the text replaces the members that were there. ERR_CONFIG as
 * "FILE:LINE:COLUMN: what is wrong; did you mean NAME?". */
MUST_CHECK enum err config_read(struct arena *a, const struct config_table *table,
                                const char *file, struct span text, void *settings,
                                struct err_info *why);

/* Append what of one member's struct differs from the defaults of its options, without
 * comments, as that member of its section. */
void config_write_member(struct buf *b, const struct config_family *family,
                         const void *member);

/* The option a sentence speaks of, whose beginning is its path, in parts or whole:
 * "profiles.a: lifetime: ..." or "profiles.a.lifetime must ..."; "" if it names none. */
const char *config_place_subject(struct arena *a, const char *sentence);

/* What was found wrong with options that were read from `text` without complaint: put
 * "FILE:LINE:COLUMN" before the recorded sentence, of the option it speaks of, or of the
 * section or member around it; only FILE if the text has none of them. Returns the
 * recorded code. */
enum err config_place(struct arena *a, const char *file, struct span text,
                      struct err_info *why);

/* Apply one "path=value"; ERR_CONFIG naming it as --set. A list is split at spaces or
 * commas. A member of a family that is not there is made. */
MUST_CHECK enum err config_set(struct arena *a, const struct config_table *table,
                               const char *assignment, void *settings,
                               struct err_info *why);

/* Append a commented YAML file with every option of the table at the value it has in
 * `settings`; options are grouped by section in table order. Of a family's
 * member only what differs from its defaults is written; a comment names its options,
 * also where there is no member. */
void config_write(struct buf *b, const struct config_table *table, const void *settings);
