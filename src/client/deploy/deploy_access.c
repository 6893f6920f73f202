/* Owner, group, mode. */
#include "client/deploy/deploy_access.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdint.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "core/base/text.h"

#define MODE_KEY      0600
#define MODE_OTHERS   0007
#define MODE_USUAL    0644
#define MODE_MAX      0777
#define ATTRIBUTE_MAX 4096 /* octets of one extended attribute */
#define UNCHANGED     ((uint32_t)-1)

#define KNOWN_MAX      64
#define KNOWN_NAME_MAX 64 /* octets of a name that is kept */

/* ---- users and groups that were looked up before ---- */

struct known {
    char name[KNOWN_NAME_MAX];
    uint32_t number;
};

static struct known users[KNOWN_MAX];
static struct known groups[KNOWN_MAX];

/* NULL: there is no room, or it is not there and `make` is not wanted. */
static struct known *find_known(struct known list[KNOWN_MAX], const char *name, bool make)
{
    for (size_t i = 0; i < KNOWN_MAX; i++) {
        if (strcmp(list[i].name, name) == 0)
            return &list[i];
        if (list[i].name[0] == '\0')
            return make && text_copy(list[i].name, KNOWN_NAME_MAX, name) ? &list[i]
                                                                         : NULL;
    }
    return NULL;
}

void deploy_access_remember(const struct deploy_access *access)
{
    const struct passwd *user = access->owner[0] != '\0' ? getpwnam(access->owner) : NULL;
    const struct group *group = access->group[0] != '\0' ? getgrnam(access->group) : NULL;
    struct known *k =
        user != NULL ? find_known(users, access->owner, true) : (struct known *)NULL;

    if (k != NULL)
        k->number = user->pw_uid;
    k = group != NULL ? find_known(groups, access->group, true) : NULL;
    if (k != NULL)
        k->number = group->gr_gid;
}

/* ---- the options ---- */

static enum err read_owner(const char *text, uid_t *uid, struct err_info *why)
{
    uint64_t number = 0;

    if (text_number(span_of(text), UNCHANGED - 1, &number)) {
        *uid = (uid_t)number;
        return ERR_OK;
    }
    const struct passwd *user = getpwnam(text);
    const struct known *k = find_known(users, text, false);
    if (user == NULL && k == NULL)
        return err_set(why, ERR_CONFIG, "owner: there is no user \"%.100s\"", text);
    *uid = user != NULL ? user->pw_uid : k->number;
    return ERR_OK;
}

static enum err read_group(const char *text, gid_t *gid, struct err_info *why)
{
    uint64_t number = 0;

    if (text_number(span_of(text), UNCHANGED - 1, &number)) {
        *gid = (gid_t)number;
        return ERR_OK;
    }
    const struct group *group = getgrnam(text);
    const struct known *k = find_known(groups, text, false);
    if (group == NULL && k == NULL)
        return err_set(why, ERR_CONFIG, "group: there is no group \"%.100s\"", text);
    *gid = group != NULL ? group->gr_gid : k->number;
    return ERR_OK;
}

static enum err read_mode(const char *text, mode_t *mode, struct err_info *why)
{
    unsigned int read = 0;
    size_t len = strlen(text);

    for (size_t i = 0; i < len && text[i] >= '0' && text[i] <= '7' && read <= MODE_MAX;
         i++)
        read = read * 8 + (unsigned int)(text[i] - '0');
    if (len == 0 || strspn(text, "01234567") != len || read > MODE_MAX)
        return err_set(why, ERR_CONFIG,
                       "mode: \"%.50s\" is not an octal mode such as 0640", text);
    *mode = (mode_t)read;
    return ERR_OK;
}

/* Attributes that file systems need not have: what cannot be copied is left out, which
 * never lets more people read. */
static void copy_attributes(int fd, int folder, const char *name, bool with_rights)
{
    static const char *const names[] = {"security.selinux", "system.posix_acl_access"};
    char value[ATTRIBUTE_MAX];
    int old = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

    if (old < 0)
        return;
    for (size_t i = 0; i < (with_rights ? 2 : 1); i++) {
        ssize_t len = fgetxattr(old, names[i], value, sizeof value);
        if (len > 0)
            (void)fsetxattr(fd, names[i], value, (size_t)len, 0);
    }
    (void)close(old);
}

static enum err read_all(const struct deploy_access *access, uid_t *uid, gid_t *gid,
                         mode_t *mode, struct err_info *why)
{
    if (access->owner[0] != '\0')
        TRY(read_owner(access->owner, uid, why));
    if (access->group[0] != '\0')
        TRY(read_group(access->group, gid, why));
    return access->mode[0] != '\0' ? read_mode(access->mode, mode, why) : ERR_OK;
}

enum err deploy_access_check(const struct deploy_access *access, struct err_info *why)
{
    uid_t uid;
    gid_t gid;
    mode_t mode;

    return read_all(access, &uid, &gid, &mode, why);
}

enum err deploy_access_give(int fd, int folder, const char *name, const struct stat *old,
                            const struct deploy_access *access, bool has_key,
                            struct err_info *why)
{
    bool exists = S_ISREG(old->st_mode);
    uid_t uid = exists ? old->st_uid : (uid_t)UNCHANGED;
    gid_t gid = exists ? old->st_gid : (gid_t)UNCHANGED;
    mode_t mode = exists ? old->st_mode & MODE_MAX : has_key ? MODE_KEY : MODE_USUAL;

    TRY(read_all(access, &uid, &gid, &mode, why));
    if (fchown(fd, uid, gid) != 0)
        return err_set_os(why, ERR_IO, errno, "cannot give it to its owner and group");
    if (exists)
        copy_attributes(fd, folder, name, access->mode[0] == '\0');
    if (has_key)
        mode &= (mode_t)~MODE_OTHERS;
    if (fchmod(fd, mode) != 0)
        return err_set_os(why, ERR_IO, errno, "cannot give it the mode %04o",
                          (unsigned int)mode);
    return ERR_OK;
}
