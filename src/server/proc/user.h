/* Which user a process becomes when the house was started as root. */
#pragma once

#include <sys/types.h>

#include "core/base/err.h"

/* Where no user is named or known: numbers nobody has, so that each process is a user of
 * its own. */
#define USER_FRONT_UID     64301
#define USER_VALIDATOR_UID 64302
#define USER_SIGNER_UID    64303
#define USER_RELAY_UID     64304
#define USER_DOOR_UID      64305

/* The user and group to become: 0 and 0 when not root. `configured` wins (ERR_CONFIG if
 * there is no such user), then `usual` if there is such a user, then `fallback` as user
 * and group. */
MUST_CHECK enum err user_find(const char *configured, const char *usual, uid_t fallback,
                              uid_t *uid, gid_t *gid, struct err_info *why);
