/* What was put into the files and folders of web servers and is not taken out yet, one
 * file each in the state folder, written before the first file is changed and locked as
 * long as its run lives: whoever comes next undoes what a run that was killed left
 * behind.
 *
 *   web/ID.json   server, config, files */
#pragma once

#include <stdbool.h>

#include "client/solve/web_edit.h"

#define WEB_JOURNAL_FILES_MAX 20000
#define WEB_JOURNAL_FOLDER    "folder" /* no server: the files are tokens of http-01 */

struct web_entry {
    char id[WEB_EDIT_ID_SIZE];
    const char *server; /* "nginx", "apache", WEB_JOURNAL_FOLDER */
    const char *config; /* its main file, "": the usual; or the folder */
    const char *const *files;
    size_t file_count;
};

/* Give the entry an id, write it down, hold its lock: `*lock` is to be given to
 * web_journal_end. ERR_IO. */
MUST_CHECK enum err web_journal_begin(struct arena *a, const char *directory,
                                      struct web_entry *e, int *lock,
                                      struct err_info *why);

/* All is undone: forget it. ERR_IO. */
MUST_CHECK enum err web_journal_end(struct arena *a, const char *directory,
                                    const struct web_entry *e, int lock,
                                    struct err_info *why);

/* Is there anything at all? */
bool web_journal_has_entries(const char *directory);

/* The next entry that nobody holds, with its lock taken; `*lock` is -1 if there is none.
 * ERR_IO; what cannot be read is removed. */
MUST_CHECK enum err web_journal_next(struct arena *a, const char *directory,
                                     struct web_entry *e, int *lock,
                                     struct err_info *why);
