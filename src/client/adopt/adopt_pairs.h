/* Names and values in the files of other clients: INI as certbot writes it (ConfigObj),
 * and assignments of a shell, of which nothing is ever run. */
#pragma once

#include <stddef.h>

#include "core/base/arena.h"
#include "core/base/err.h"
#include "core/base/span.h"

#define ADOPT_PAIRS_MAX      10000         /* of one file */
#define ADOPT_PAIRS_FILE_MAX (1024 * 1024) /* octets of it */

struct adopt_pair {
    const char *section; /* innermost, "" before the first */
    const char *key;
    const char *value; /* NULL: it would take a shell to tell */
};

struct adopt_pairs {
    struct adopt_pair *items; /* in the order of the file */
    size_t count;
    size_t room;
};

/* [section], [[section in it]], key = value; `#` begins a comment line, quotes around a
 * value are taken off. `file` names it in errors. ERR_CONFIG with the line. */
MUST_CHECK enum err adopt_pairs_parse_ini(struct arena *a, const char *file,
                                          struct span text, struct adopt_pairs *pairs,
                                          struct err_info *why);

/* KEY=value, perhaps after "export", with the quotes of a shell; $KEY and ${KEY} of
 * earlier lines are put in (and of `known`, which may be NULL); the values acme.sh hides
 * in base64 are decoded. Lines that are no assignments are passed over. ERR_CONFIG if
 * there are too many. */
MUST_CHECK enum err adopt_pairs_parse_shell(struct arena *a, const char *file,
                                            struct span text,
                                            const struct adopt_pairs *known,
                                            struct adopt_pairs *pairs,
                                            struct err_info *why);

/* The same of a file. ERR_NOT_FOUND, ERR_IO, ERR_TOO_LARGE besides. */
MUST_CHECK enum err adopt_pairs_read_ini(struct arena *a, const char *path,
                                         struct adopt_pairs *pairs, struct err_info *why);
MUST_CHECK enum err adopt_pairs_read_shell(struct arena *a, const char *path,
                                           const struct adopt_pairs *known,
                                           struct adopt_pairs *pairs,
                                           struct err_info *why);

/* The value of the last of that name in a section; NULL if there is none, or it is not
 * known. */
const char *adopt_pairs_get(const struct adopt_pairs *pairs, const char *section,
                            const char *key);

/* As that, "" in place of NULL. */
const char *adopt_pairs_text(const struct adopt_pairs *pairs, const char *section,
                             const char *key);

/* "'text'": what a shell, and this reader, take for the text again. In the arena. */
const char *adopt_pairs_quote(struct arena *a, const char *text);
