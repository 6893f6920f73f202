/* Pieces of text put into the configuration files of a web server for a while. Nothing is
 * ever changed or taken out but whole pieces, each between two lines that say whose it
 * is, so a file is again what it was, to the octet, when its pieces are gone, even if
 * somebody else edited the rest of it meanwhile. */
#pragma once

#include <stddef.h>

#include "core/base/arena.h"
#include "core/base/err.h"
#include "core/base/span.h"

#define WEB_EDIT_FILE_MAX   (4 * 1024 * 1024) /* octets of a configuration file */
#define WEB_EDIT_ID_SIZE    17                /* of an id: 16 digits and a NUL */
#define WEB_EDIT_AT_THE_END SIZE_MAX

struct web_piece {
    const char *file; /* path */
    size_t at;        /* octets before it in the file as it is now, or
                         WEB_EDIT_AT_THE_END */
    const char *text; /* lines, the last with its end */
};

/* The text with the pieces of that file (others are passed over) in their places. */
struct span web_edit_add(struct arena *a, struct span text, const char *file,
                         const char *id, const struct web_piece *pieces, size_t count);

/* The text without the pieces of that id; the same span if it has none. */
struct span web_edit_remove(struct arena *a, struct span text, const char *id);

/* Replace the content of the file, which may be behind symbolic links: owner, mode and
 * extended attributes stay, a crash leaves either content. ERR_IO. */
MUST_CHECK enum err web_edit_replace(struct arena *a, const char *path,
                                     struct span content, struct err_info *why);

/* Put the pieces into their files. ERR_IO, ERR_TOO_LARGE, ERR_NOT_FOUND: some may have
 * been changed. */
MUST_CHECK enum err web_edit_apply(struct arena *a, const char *id,
                                   const struct web_piece *pieces, size_t count,
                                   struct err_info *why);

/* Take all pieces of that id out of the file; one that is gone has none. ERR_IO. */
MUST_CHECK enum err web_edit_undo(struct arena *a, const char *id, const char *file,
                                  struct err_info *why);
