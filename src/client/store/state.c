/* Folder and locks. */
#include "client/store/state.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/file.h"
#include "core/base/interrupt.h"

#define POLL_MS          50 /* between two looks at a lock that somebody has */
#define PID_TEXT_MAX     16 /* octets */
#define SYSTEM_DIRECTORY "/var/lib/cairn"

enum err state_default_directory(struct arena *a, const char **directory,
                                 struct err_info *why)
{
    const char *state = getenv("XDG_STATE_HOME");
    const char *home = getenv("HOME");

    if (geteuid() == 0)
        *directory = SYSTEM_DIRECTORY;
    else if (state != NULL && state[0] == '/')
        *directory = arena_printf(a, "%s/cairn", state);
    else if (home != NULL && home[0] == '/')
        *directory = arena_printf(a, "%s/.local/state/cairn", home);
    else
        return err_set(why, ERR_USAGE, "there is no HOME; say --dir DIR");
    return ERR_OK;
}

/* ---- whose it is ---- */

static const char *user_text(struct arena *a, uid_t uid)
{
    const struct passwd *entry = getpwuid(uid);

    return entry != NULL ? arena_printf(a, "%s (uid %ld)", entry->pw_name, (long)uid)
                         : arena_printf(a, "uid %ld", (long)uid);
}

/* A link that somebody else can turn to another folder, after this was looked at. */
static enum err check_link(struct arena *a, const char *path, struct err_info *why)
{
    struct stat about;

    if (geteuid() != 0 || lstat(path, &about) != 0 || !S_ISLNK(about.st_mode) ||
        about.st_uid == 0)
        return ERR_OK;
    return err_set(why, ERR_CONFIG,
                   "the state folder %s is a link that belongs to %s, who could have "
                   "root run programs from it: say the folder itself",
                   path, user_text(a, about.st_uid));
}

static enum err check_folder(struct arena *a, const char *path, struct err_info *why)
{
    bool root = geteuid() == 0;
    struct stat about;

    if (stat(path, &about) != 0)
        return ERR_OK;
    if (root && about.st_uid != 0)
        return err_set(why, ERR_CONFIG,
                       "the state folder %s belongs to %s, who could have root run "
                       "programs from it: run cairn as that user, or, if you trust all "
                       "that is in it, chown -R root %s",
                       path, user_text(a, about.st_uid), path);
    if ((about.st_mode & (root ? 0022 : 0002)) != 0)
        return err_set(why, ERR_CONFIG,
                       "the state folder %s belongs to %s, but others can write to it, "
                       "and so have cairn run programs: if you trust all that is in it, "
                       "chmod -R go-w %s",
                       path, user_text(a, about.st_uid), path);
    return ERR_OK;
}

enum err state_check(struct arena *a, const char *directory, struct err_info *why)
{
    TRY(check_link(a, directory, why));
    TRY(check_folder(a, directory, why));
    return check_folder(a, file_path(a, directory, "certificates"), why);
}

/* ---- making it ---- */

/* As mkdir -p; what exists keeps its mode. */
enum err state_make(struct arena *a, const char *directory, struct err_info *why)
{
    char *path = arena_string(a, directory);

    TRY(state_check(a, directory, why));
    for (char *p = path + 1; *p != '\0'; p++) {
        if (*p != '/')
            continue;
        *p = '\0';
        if (mkdir(path, 0755) != 0 && errno != EEXIST)
            return err_set_os(why, ERR_IO, errno, "cannot make %s", path);
        *p = '/';
    }
    return file_make_directory(path, 0700, why);
}

enum err state_prepare(struct arena *a, const char *directory, struct err_info *why)
{
    TRY(state_make(a, directory, why));
    TRY(file_make_directory(file_path(a, directory, "accounts"), 0700, why));
    return file_make_directory(file_path(a, directory, "certificates"), 0700, why);
}

/* ---- locks ---- */

/* Who has it: only to be told to the user, so it need not be on disk. */
static void note_holder(int fd)
{
    char text[PID_TEXT_MAX];
    int len = snprintf(text, sizeof text, "%d\n", (int)getpid());

    if (pwrite(fd, text, (size_t)len, 0) == len && ftruncate(fd, len) != 0)
        return; /* the rest of an older number: told wrong, no more */
}

static long read_holder(int fd)
{
    char text[PID_TEXT_MAX + 1] = {0};

    return pread(fd, text, PID_TEXT_MAX, 0) > 0 ? strtol(text, NULL, 10) : 0;
}

/* Is what was locked still what the path names? Who removes a certificate removes its
 * lock, too. */
static bool is_in_place(int fd, const char *path)
{
    struct stat locked;
    struct stat named;

    return fstat(fd, &locked) == 0 && stat(path, &named) == 0 &&
           locked.st_ino == named.st_ino && locked.st_dev == named.st_dev;
}

/* Once: `*fd` is -1 if somebody else has it. ERR_IO. */
static enum err try_lock(const char *path, enum state_lock_kind kind, int *fd,
                         long *holder, struct err_info *why)
{
    int how = (kind == STATE_LOCK_EXCLUSIVE ? LOCK_EX : LOCK_SH) | LOCK_NB;
    int opened = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

    *fd = -1;
    *holder = 0;
    if (opened < 0)
        return err_set_os(why, ERR_IO, errno, "cannot open %s", path);
    if (flock(opened, how) != 0) {
        int reason = errno;
        *holder = read_holder(opened);
        (void)close(opened);
        return reason == EWOULDBLOCK || reason == EINTR
                   ? ERR_OK
                   : err_set_os(why, ERR_IO, reason, "cannot lock %s", path);
    }
    if (!is_in_place(opened, path)) {
        (void)close(opened);
        return ERR_OK;
    }
    if (kind == STATE_LOCK_EXCLUSIVE)
        note_holder(opened);
    *fd = opened;
    return ERR_OK;
}

/* `what` it is, for the sentence of ERR_LOCKED; `folder` is made if it is not there. */
static enum err take(struct arena *a, const char *folder, enum state_lock_kind kind,
                     int64_t wait_ms, const char *what, struct state_lock *lock,
                     struct err_info *why)
{
    const char *path = file_path(a, folder, "lock");
    int64_t end = clock_monotonic_us() + wait_ms * 1000;

    for (;;) {
        long holder = 0;
        int fd = -1;
        TRY(file_make_directory(folder, 0700, why));
        TRY(try_lock(path, kind, &fd, &holder, why));
        if (fd >= 0) {
            *lock = (struct state_lock){.held = true, .fd = fd};
            return ERR_OK;
        }
        if (clock_monotonic_us() >= end)
            return err_set(
                why, ERR_LOCKED, "another cairn%s is working on %s; %s",
                holder > 0 ? arena_printf(a, " (process %ld)", holder) : "", what,
                wait_ms == 0 ? "try again later, or have it waited for: --wait SECONDS"
                             : "try again later");
        if (!interrupt_sleep_ms(POLL_MS))
            return err_set(why, ERR_INTERRUPTED, "interrupted");
    }
}

enum err state_lock_certificate(struct arena *a, const char *directory, const char *name,
                                int64_t wait_ms, struct state_lock *lock,
                                struct err_info *why)
{
    return take(a, arena_printf(a, "%s/certificates/%s", directory, name),
                STATE_LOCK_EXCLUSIVE, wait_ms,
                arena_printf(a, "the certificate \"%s\"", name), lock, why);
}

enum err state_lock_account(struct arena *a, const char *folder,
                            enum state_lock_kind kind, int64_t wait_ms,
                            struct state_lock *lock, struct err_info *why)
{
    return take(a, folder, kind, wait_ms, arena_printf(a, "the account in %s", folder),
                lock, why);
}

enum err state_lock_dns(struct arena *a, const char *directory, enum state_lock_kind kind,
                        int64_t wait_ms, struct state_lock *lock, struct err_info *why)
{
    return take(a, file_path(a, directory, "dns-01"), kind, wait_ms,
                "the DNS records of challenges", lock, why);
}

enum err state_lock_credentials(struct arena *a, const char *directory, int64_t wait_ms,
                                struct state_lock *lock, struct err_info *why)
{
    return take(a, file_path(a, directory, "credentials"), STATE_LOCK_EXCLUSIVE, wait_ms,
                "credentials that are imported", lock, why);
}

enum err state_lock_ports(struct arena *a, const char *directory, int64_t wait_ms,
                          struct state_lock *lock, struct err_info *why)
{
    return take(a, file_path(a, directory, "ports"), STATE_LOCK_EXCLUSIVE, wait_ms,
                "challenges, on the ports that are wanted", lock, why);
}

enum err state_lock_device(struct arena *a, const char *directory, int64_t wait_ms,
                           struct state_lock *lock, struct err_info *why)
{
    return take(a, file_path(a, directory, "turns"), STATE_LOCK_EXCLUSIVE, wait_ms,
                "keys, in the device", lock, why);
}

void state_unlock(struct state_lock *lock)
{
    if (lock->held)
        (void)close(lock->fd);
    *lock = (struct state_lock){0};
}
