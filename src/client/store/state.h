/* The client's folder: accounts, certificates, and the lock of whoever changes them.
 *
 *   lock                              held (flock) while a command changes something
 *   accounts/CA/key.pem, account.json one folder for each CA
 *   certificates/NAME/current         symbolic link to versions/N
 *   certificates/NAME/versions/N/     key.pem cert.pem chain.pem fullchain.pem
 * metadata.json */
#pragma once

#include "core/base/arena.h"
#include "core/base/err.h"

/* Where it is unless --dir says otherwise: /var/lib/cairn for root, else
 * $XDG_STATE_HOME/cairn or ~/.local/state/cairn. ERR_USAGE if there is no home. */
MUST_CHECK enum err state_default_directory(struct arena *a, const char **directory,
                                            struct err_info *why);

/* Make the folder and those in it (0700), with missing parents. ERR_IO. */
MUST_CHECK enum err state_prepare(struct arena *a, const char *directory,
                                  struct err_info *why);

/* Take the lock until the process ends, however it ends. ERR_LOCKED: another cairn has
 * it. The descriptor stays open. */
MUST_CHECK enum err state_lock(struct arena *a, const char *directory,
                               struct err_info *why);
