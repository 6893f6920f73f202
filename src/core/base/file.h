/* Files: read whole, replaced atomically, synced. Paths are NUL-terminated. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/base/arena.h"
#include "core/base/err.h"
#include "core/base/span.h"

/* Read a whole regular file of at most `max` octets into the arena, with a NUL behind the
 * content that is not counted. ERR_NOT_FOUND if it is not there, ERR_TOO_LARGE, ERR_IO.
 */
MUST_CHECK enum err file_read(struct arena *a, const char *path, size_t max,
                              struct span *content, struct err_info *why);

/* Replace `path` so that a crash leaves either the old or the new content: written beside
 * it with `mode`, synced, renamed, directory synced. ERR_IO. */
MUST_CHECK enum err file_replace(const char *path, struct span content, mode_t mode,
                                 struct err_info *why);

/* Create `path` with `mode` and the content, synced with its directory; a crash leaves
 * all of it or nothing of that name (on a file system without hard links that cannot
 * rename without replacing either: or a part of it). ERR_EXISTS if something of that name
 * is there; ERR_IO. */
MUST_CHECK enum err file_create(const char *path, struct span content, mode_t mode,
                                struct err_info *why);

/* Remove what file_replace and file_create of this path left beside it in processes that
 * were killed. Nobody may be writing it now. */
void file_sweep(const char *path);

/* The same of all paths in the folder; nothing of folders in it. */
void file_sweep_folder(const char *folder);

/* Make a directory with `mode`; one that exists is fine. Parents are not made. */
MUST_CHECK enum err file_make_directory(const char *path, mode_t mode,
                                        struct err_info *why);

/* Sync a directory so that renames in it are durable. */
MUST_CHECK enum err file_sync_directory(const char *path, struct err_info *why);

/* Is there something of that name? */
bool file_exists(const char *path);

/* When its content was changed last, in seconds; false if that cannot be told. */
bool file_changed(const char *path, int64_t *seconds);

/* "directory/name" in the arena; an absolute `name` stays as it is. */
char *file_path(struct arena *a, const char *directory, const char *name);

/* Standard input, output and error that the caller left closed become descriptors that
 * hold their places, so that no file or socket opened later is taken for one of them: a
 * log line must not end up in the database. Writing to such an output fails. To be called
 * first. */
void file_keep_standard(void);

/* Write all of it to a descriptor, going on after EINTR and short writes; false with
 * errno set. */
bool file_write_all(int fd, struct span content);
