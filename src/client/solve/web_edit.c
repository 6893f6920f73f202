/* Pieces of text in files of others. */
#include "client/solve/web_edit.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "core/base/buf.h"
#include "core/base/file.h"

#define BEGIN          "\n# cairn " /* id, " begins..." */
#define ATTRIBUTES_MAX 65536        /* octets of all names, or of one value */

static const char *begin_of(struct arena *a, const char *id)
{
    return arena_printf(a, "%s%s: for a moment, to prove names to a CA\n", BEGIN, id);
}

static const char *end_of(struct arena *a, const char *id)
{
    return arena_printf(a, "# cairn %s: end\n", id);
}

/* ---- texts ---- */

struct span web_edit_add(struct arena *a, struct span text, const char *file,
                         const char *id, const struct web_piece *pieces, size_t count)
{
    AUTO(buf) struct buf b = buf_make(SIZE_MAX / 2);
    size_t done = 0;

    for (;;) {
        size_t next = SIZE_MAX; /* the first place that was not reached yet */
        for (size_t i = 0; i < count; i++) {
            size_t at = pieces[i].at < text.len ? pieces[i].at : text.len;
            if (strcmp(pieces[i].file, file) == 0 && at >= done && at < next)
                next = at;
        }
        if (next == SIZE_MAX)
            break;
        buf_add_span(&b, span_slice(text, done, next - done));
        for (size_t i = 0; i < count; i++) {
            size_t at = pieces[i].at < text.len ? pieces[i].at : text.len;
            if (strcmp(pieces[i].file, file) != 0 || at != next)
                continue;
            buf_add_text(&b, begin_of(a, id));
            buf_add_text(&b, pieces[i].text);
            buf_add_text(&b, end_of(a, id));
        }
        if (next == text.len)
            return arena_span(a, buf_span(&b));
        buf_add(&b, text.data + next, 1);
        done = next + 1;
    }
    buf_add_span(&b, span_slice(text, done, text.len));
    return arena_span(a, buf_span(&b));
}

struct span web_edit_remove(struct arena *a, struct span text, const char *id)
{
    AUTO(buf) struct buf b = buf_make(SIZE_MAX / 2);
    const struct span begin = span_of(begin_of(a, id));
    const struct span end = span_of(end_of(a, id));
    struct span rest = text;
    bool any = false;

    while (rest.len > 0) {
        const uint8_t *from = memmem(rest.data, rest.len, begin.data, begin.len);
        const uint8_t *to =
            from != NULL
                ? memmem(from, rest.len - (size_t)(from - rest.data), end.data, end.len)
                : NULL;
        if (to == NULL)
            break;
        any = true;
        buf_add(&b, rest.data, (size_t)(from - rest.data));
        rest = span_slice(rest, (size_t)(to - rest.data) + end.len, rest.len);
    }
    if (!any)
        return text;
    buf_add_span(&b, rest);
    return arena_span(a, buf_span(&b));
}

/* ---- files ---- */

/* What a security module or an access list says of the file; what cannot be copied is as
 * the folder has it. By descriptors, as this process is confined (JAIL_FOLDER). */
static void copy_attributes(struct arena *a, const char *path, int to)
{
    int from = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    char *names = arena_get(a, ATTRIBUTES_MAX);
    char *value = arena_get(a, ATTRIBUTES_MAX);
    ssize_t len = from >= 0 ? flistxattr(from, names, ATTRIBUTES_MAX) : 0;

    for (ssize_t at = 0; at < len; at += (ssize_t)strlen(names + at) + 1) {
        ssize_t size = fgetxattr(from, names + at, value, ATTRIBUTES_MAX);
        if (size >= 0)
            (void)fsetxattr(to, names + at, value, (size_t)size, 0);
    }
    if (from >= 0)
        (void)close(from);
}

static bool fill(struct arena *a, int fd, const char *like, const struct stat *about,
                 struct span content)
{
    if (fchown(fd, about->st_uid, about->st_gid) != 0 && geteuid() == 0)
        return false;
    copy_attributes(a, like, fd);
    return fchmod(fd, about->st_mode & 07777) == 0 && file_write_all(fd, content) &&
           fsync(fd) == 0;
}

enum err web_edit_replace(struct arena *a, const char *path, struct span content,
                          struct err_info *why)
{
    char real[PATH_MAX];
    struct stat about;

    if (realpath(path, real) == NULL || stat(real, &about) != 0)
        return err_set_os(why, ERR_IO, errno, "cannot find %s", path);
    char *slash = strrchr(real, '/');
    char *beside = arena_printf(a, "%.*s/.cairn-XXXXXX", (int)(slash - real), real);
    int fd = mkostemp(beside, O_CLOEXEC);
    if (fd < 0)
        return err_set_os(why, ERR_IO, errno, "cannot write beside %s", real);
    bool good = fill(a, fd, real, &about, content);
    int reason = errno;
    (void)close(fd);
    if (good && rename(beside, real) != 0) {
        good = false;
        reason = errno;
    }
    if (!good) {
        (void)unlink(beside);
        return err_set_os(why, ERR_IO, reason, "cannot replace %s", real);
    }
    *slash = '\0';
    return file_sync_directory(real[0] != '\0' ? real : "/", why);
}

enum err web_edit_apply(struct arena *a, const char *id, const struct web_piece *pieces,
                        size_t count, struct err_info *why)
{
    for (size_t i = 0; i < count; i++) {
        const char *file = pieces[i].file;
        bool done = false;
        for (size_t k = 0; k < i && !done; k++)
            done = strcmp(pieces[k].file, file) == 0;
        if (done)
            continue;
        struct span text;
        TRY(file_read(a, file, WEB_EDIT_FILE_MAX, &text, why));
        TRY(web_edit_replace(a, file, web_edit_add(a, text, file, id, pieces, count),
                             why));
    }
    return ERR_OK;
}

enum err web_edit_undo(struct arena *a, const char *id, const char *file,
                       struct err_info *why)
{
    struct span text;
    enum err result = file_read(a, file, 2 * WEB_EDIT_FILE_MAX, &text, why);

    if (result == ERR_NOT_FOUND)
        return ERR_OK;
    TRY(result);
    struct span without = web_edit_remove(a, text, id);
    return without.len == text.len ? ERR_OK : web_edit_replace(a, file, without, why);
}
