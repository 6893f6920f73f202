/* Which user a process becomes. */
#include "server/proc/user.h"

#include <pwd.h>
#include <stdbool.h>
#include <unistd.h>

static bool look_up(const char *name, uid_t *uid, gid_t *gid)
{
    char text[4096];
    struct passwd entry;
    struct passwd *found = NULL;

    if (getpwnam_r(name, &entry, text, sizeof text, &found) != 0 || found == NULL)
        return false;
    *uid = entry.pw_uid;
    *gid = entry.pw_gid;
    return true;
}

enum err user_find(const char *configured, const char *usual, uid_t fallback, uid_t *uid,
                   gid_t *gid, struct err_info *why)
{
    *uid = 0;
    *gid = 0;
    if (geteuid() != 0)
        return ERR_OK;
    if (configured[0] != '\0') {
        if (look_up(configured, uid, gid) && *uid != 0)
            return ERR_OK;
        return err_set(why, ERR_CONFIG, "there is no user \"%s\" other than root",
                       configured);
    }
    if (look_up(usual, uid, gid) && *uid != 0)
        return ERR_OK;
    *uid = fallback;
    *gid = fallback;
    return ERR_OK;
}
