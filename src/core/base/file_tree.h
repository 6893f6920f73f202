/* Folders with all that is in them. */
#pragma once

#include "core/base/err.h"

#define FILE_TREE_DEPTH_MAX 16 /* of folders in it */

/* Remove a file, or a folder and all that is in it; links are removed, not followed. What
 * is not there, or somebody else removes meanwhile, is fine. ERR_IO: some of it is still
 * there. */
MUST_CHECK enum err file_tree_remove(const char *path, struct err_info *why);
