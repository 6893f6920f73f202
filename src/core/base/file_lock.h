/* A folder's lock: for who writes files in it, against who removes what was left there.
 */
#pragma once

/* Lock the folder itself (flock(2), `how`: LOCK_SH or LOCK_EX, perhaps with LOCK_NB)
 * until the descriptor returned is closed. -1: it is not there, somebody has it, or the
 * file system knows no locks. */
int file_lock_folder(const char *path, int how);
