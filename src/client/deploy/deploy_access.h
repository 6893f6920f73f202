/* Owner, group and mode of a file that takes the place of another. */
#pragma once

#include <sys/stat.h>

#include "client/deploy/deploy_files.h"

/* Give the new, empty file `fd` what the options say, and for the rest what the old file
 * `name` in `folder` has, which is `old` (mode 0: there is none): owner, group, mode,
 * access control list, label of SELinux. Of one with a key, others get no rights.
 * ERR_CONFIG: no such user, group or mode; ERR_IO. */
MUST_CHECK enum err deploy_access_give(int fd, int folder, const char *name,
                                       const struct stat *old,
                                       const struct deploy_access *access, bool has_key,
                                       struct err_info *why);

/* Can the options be followed? ERR_CONFIG: no such user, group or mode. */
MUST_CHECK enum err deploy_access_check(const struct deploy_access *access,
                                        struct err_info *why);

/* Look user and group up and keep what they are, for when nobody can be asked any more:
 * they may be known to a service, to which a confined process has no way. */
void deploy_access_remember(const struct deploy_access *access);
