/* The files of one deployment, put in the place of others: all or none. Each is written
 * beside its place under a name of its own, then all are renamed; the old ones are kept
 * until the server has been tested, and come back if it does not want the new ones.
 *
 * What stands at a path is replaced, not written through: of a symbolic link, the link.
 * Names beside PATH/NAME: .NAME.cairn-new, .NAME.cairn-old. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "core/base/arena.h"
#include "core/base/err.h"
#include "core/base/span.h"

#define DEPLOY_FILES_MAX  64 /* of one deployment */
#define DEPLOY_PIECES_MAX 3  /* of one file */

struct deploy_file {
    const char *option;                    /* that it is of, for sentences */
    const char *path;                      /* absolute */
    struct span pieces[DEPLOY_PIECES_MAX]; /* its content, one behind the other */
    size_t piece_count;
    bool has_key; /* there is a private key in it: never for others to read */
};

/* Whose the files are, as the options say it; "": as the file there is, else the
 * caller's, with mode 0600 if there is a key in it and 0644 if not. */
struct deploy_access {
    const char *owner; /* name or number */
    const char *group;
    const char *mode; /* octal; of files with keys without the rights of others */
};

struct deploy_files;

/* Write all of them beside their places; `files` must stay until deploy_files_free. What
 * an interrupted run left is brought back or removed first. Nothing is changed yet.
 * ERR_CONFIG: the options cannot be followed; ERR_IO. */
MUST_CHECK enum err deploy_files_write(const struct deploy_file *files, size_t count,
                                       const struct deploy_access *access,
                                       struct deploy_files **set, struct err_info *why);

/* Rename them into their places. ERR_IO: the old ones are there again, unless the
 * sentence says otherwise. */
MUST_CHECK enum err deploy_files_switch(struct deploy_files *set, struct err_info *why);

/* Bring the old ones back, and remove new ones that had none before them. ERR_IO: as far
 * as it could be done. */
MUST_CHECK enum err deploy_files_undo(struct deploy_files *set, struct err_info *why);

/* Remove what stands beside: the old files, and new ones that were not renamed. NULL is
 * fine. */
void deploy_files_free(struct deploy_files *set);
static inline void deploy_files_auto(struct deploy_files **set)
{
    deploy_files_free(*set);
}
