/* Segments, opened behind what is there. */
#include "server/audit/audit_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/buf.h"
#include "core/base/clock.h"
#include "core/base/file.h"
#include "core/base/memory.h"
#include "core/base/text.h"
#include "core/json/json_read.h"

#define TAIL_MAX     (4 * AUDIT_FILE_LINE_MAX) /* octets looked at for the last line */
#define PENDING_MAX  (512 * 1024 * 1024)       /* octets of one write */
#define PENDING_KEEP (1024 * 1024)             /* of memory, when it is done */
#define DAY_SECONDS  INT64_C(86400)

struct audit_file {
    int fd;
    unsigned int number;      /* of the segment */
    int64_t segment_max;      /* octets */
    int64_t day;              /* since 1970, on which it was last written to */
    off_t size;               /* of the segment, as far as it is ours */
    struct audit_place place; /* of what is written */
    struct audit_place next;  /* of what is pending */
    struct buf pending;
    bool lost;   /* a line did not fit */
    bool broken; /* something stands at the end that could not be taken back */
};

void audit_file_close(struct audit_file *f)
{
    if (f == NULL)
        return;
    if (f->fd >= 0)
        (void)close(f->fd);
    buf_free(&f->pending);
    free(f);
}

void audit_file_add(struct audit_file *f, struct span members)
{
    char previous[2 * HASH_SHA256_SIZE + 1];
    size_t start = f->pending.len;

    text_hex(previous, f->next.hash, HASH_SHA256_SIZE);
    buf_printf(&f->pending, "{\"seq\":%llu,", (unsigned long long)f->next.seq + 1);
    buf_add_span(&f->pending, members);
    buf_printf(&f->pending, ",\"previous\":\"%s\"}", previous);
    size_t len = f->pending.len - start;
    if (f->pending.failed || len >= AUDIT_FILE_LINE_MAX) {
        f->lost = true;
        return;
    }
    hash_sha256(span_make(f->pending.data + start, len), f->next.hash);
    f->next.seq++;
    buf_add_text(&f->pending, "\n");
}

static int64_t today(void)
{
    return clock_now() / DAY_SECONDS;
}

enum err audit_file_write(struct audit_file *f, struct err_info *why)
{
    bool lost = f->lost || f->pending.failed;
    size_t len = f->pending.len;
    bool good = !lost && !f->broken && file_write_all(f->fd, buf_span(&f->pending));
    int error = errno;

    if (!good && !lost && !f->broken && ftruncate(f->fd, f->size) != 0)
        f->broken = true; /* the next start goes on behind it */
    bool failed = f->pending.failed;
    buf_clear(&f->pending);
    if (failed || f->pending.room > PENDING_KEEP) {
        buf_free(&f->pending);
        f->pending = buf_make(PENDING_MAX);
    }
    f->lost = false;
    if (good) {
        if (f->size == 0)
            f->day = today();
        f->size += (off_t)len;
        f->place = f->next;
        return ERR_OK;
    }
    f->next = f->place;
    if (lost || f->broken)
        return err_set(why, ERR_IO, "the audit log cannot be written");
    return err_set_os(why, ERR_IO, error, "the audit log cannot be written");
}

bool audit_file_sync(struct audit_file *f)
{
    return fdatasync(f->fd) == 0;
}

struct audit_place audit_file_place(const struct audit_file *f)
{
    return f->place;
}

unsigned int audit_file_next_number(const struct audit_file *f)
{
    bool due = f->size > 0 && (f->size >= f->segment_max || f->day != today());

    return due && !f->broken && f->number < AUDIT_FILE_NUMBER_MAX ? f->number + 1 : 0;
}

bool audit_file_go_on(struct audit_file *f, unsigned int number, int fd)
{
    if (number != f->number + 1 || f->broken) { /* it came twice, or too late */
        (void)close(fd);
        return true;
    }
    bool good = audit_file_sync(f);
    int error = errno;
    (void)close(f->fd);
    f->fd = fd;
    f->number = number;
    f->size = 0;
    errno = error;
    return good;
}

/* ---- opened ---- */

static enum err give_to_owner(const char *path, struct err_info *why)
{
    AUTO(arena) struct arena *a = arena_new();
    char *parent = arena_string(a, path);
    char *slash = strrchr(parent, '/');
    struct stat about;

    if (geteuid() != 0 || slash == NULL || slash == parent)
        return ERR_OK;
    *slash = '\0';
    if (stat(parent, &about) != 0 || lchown(path, about.st_uid, about.st_gid) != 0)
        return err_set_os(why, ERR_IO, errno, "cannot give %s to the owner of its folder",
                          path);
    return ERR_OK;
}

enum err audit_file_folder(const char *folder, struct err_info *why)
{
    TRY(file_make_directory(folder, 0700, why));
    return give_to_owner(folder, why);
}

/* The newest segment, 0: there is none. */
static enum err newest(const char *folder, unsigned int *number, struct err_info *why)
{
    DIR *list = opendir(folder);
    const struct dirent *entry;

    *number = 0;
    if (list == NULL)
        return err_set_os(why, ERR_IO, errno, "cannot read %s", folder);
    while ((entry = readdir(list)) != NULL) {
        uint64_t found = 0;
        const char *point = strchr(entry->d_name, '.');
        if (point != NULL && strcmp(point, ".jsonl") == 0 &&
            text_number(span_make(entry->d_name, (size_t)(point - entry->d_name)),
                        AUDIT_FILE_NUMBER_MAX, &found) &&
            found > *number)
            *number = (unsigned int)found;
    }
    (void)closedir(list);
    return ERR_OK;
}

static bool read_line(struct span line, struct audit_place *place)
{
    AUTO(arena) struct arena *a = arena_new();
    const struct json *object = NULL;

    if (json_read(a, line, &object, NULL) != ERR_OK ||
        !json_is_whole(json_member(object, "seq")))
        return false;
    place->seq = (uint64_t)json_whole(json_member(object, "seq"));
    hash_sha256(line, place->hash);
    return true;
}

/* The last line that is one, from the end of a segment; what is behind the last line feed
 * is `rest`. */
static bool last_line(struct span tail, struct audit_place *place, struct span *rest)
{
    size_t end = tail.len;

    while (end > 0 && tail.data[end - 1] != '\n')
        end--;
    *rest = span_slice(tail, end, tail.len);
    while (end > 0) {
        size_t start = end - 1;
        while (start > 0 && tail.data[start - 1] != '\n')
            start--;
        if (read_line(span_slice(tail, start, end - 1 - start), place))
            return true;
        end = start;
    }
    return false;
}

static enum err read_tail(struct arena *a, const char *path, int fd, off_t size,
                          struct span *tail, struct err_info *why)
{
    off_t from = size > TAIL_MAX ? size - TAIL_MAX : 0;
    uint8_t *data = arena_get(a, (size_t)(size - from) + 1);
    ssize_t got = pread(fd, data, (size_t)(size - from), from);

    if (got < 0)
        return err_set_os(why, ERR_IO, errno, "cannot read %s", path);
    *tail = span_make(data, (size_t)got);
    return ERR_OK;
}

static enum err open_file(const char *path, int *fd, struct stat *about,
                          struct err_info *why)
{
    *fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK,
               0600);
    if (*fd < 0 || fstat(*fd, about) != 0)
        return err_set_os(why, ERR_IO, errno, "cannot open %s", path);
    if (!S_ISREG(about->st_mode))
        return err_set(why, ERR_IO, "%s is no file", path);
    return give_to_owner(path, why);
}

static enum err open_segment(struct audit_file *f, const char *path, unsigned int number,
                             struct err_info *why)
{
    struct stat about = {0};

    if (f->fd >= 0)
        (void)close(f->fd);
    TRY(open_file(path, &f->fd, &about, why));
    f->number = number;
    f->size = about.st_size;
    f->day = about.st_mtime / DAY_SECONDS;
    return ERR_OK;
}

enum err audit_file_open_segment(const char *folder, unsigned int number, int *fd,
                                 struct err_info *why)
{
    AUTO(arena) struct arena *a = arena_new();
    char *path = arena_printf(a, "%s/" AUDIT_FILE_NAME, folder, number);
    struct stat about = {0};
    int made = -1;

    enum err result = open_file(path, &made, &about, why);
    if (result == ERR_OK && about.st_size > 0)
        result = err_set(why, ERR_CONFLICT, "%s has lines already", path);
    if (result == ERR_OK)
        result = file_sync_directory(folder, why);
    if (result == ERR_OK)
        *fd = made;
    else if (made >= 0)
        (void)close(made);
    return result;
}

static void add_torn(struct audit_file *f, struct span rest)
{
    char text[2 * HASH_SHA256_SIZE + 1];
    char time[CLOCK_TEXT_SIZE];
    uint8_t digest[HASH_SHA256_SIZE];
    char members[256];

    hash_sha256(rest, digest);
    text_hex(text, digest, sizeof digest);
    clock_text(time, clock_now());
    (void)snprintf(members, sizeof members,
                   "\"time\":\"%s\",\"event\":\"audit.torn\",\"octets\":%zu,"
                   "\"sha256\":\"%s\"",
                   time, rest.len, text);
    buf_add_text(&f->pending, "\n"); /* ends what is there */
    audit_file_add(f, span_of(members));
}

/* The last segment with something in it, and where it stands; what was begun and never
 * used is passed over, and used later. */
static enum err find_end(struct audit_file *f, struct arena *a, const char *folder,
                         unsigned int number, struct span *rest, struct err_info *why)
{
    struct span tail = {0};
    bool found = false;
    bool is_last = true;

    for (unsigned int n = number; n > 0 && !found; n--) {
        char *path = arena_printf(a, "%s/" AUDIT_FILE_NAME, folder, n);
        struct span behind = {0};
        TRY(open_segment(f, path, n, why));
        TRY(read_tail(a, path, f->fd, f->size, &tail, why));
        found = last_line(tail, &f->place, &behind);
        if (!found && f->size > TAIL_MAX)
            return err_set(why, ERR_STORE, "%s does not end with a line of the audit log",
                           path);
        if (is_last && f->size > 0) {
            *rest = behind;
            number = n;
            is_last = false;
        }
    }
    f->next = f->place;
    number = number == 0 || is_last ? 1 : number;
    return open_segment(f, arena_printf(a, "%s/" AUDIT_FILE_NAME, folder, number), number,
                        why);
}

static enum err go_on(struct audit_file *f, struct arena *a, const char *folder,
                      unsigned int number, struct err_info *why)
{
    struct span rest = {0};
    int fd = -1;

    TRY(find_end(f, a, folder, number, &rest, why));
    number = audit_file_next_number(f);
    if (rest.len > 0) {
        add_torn(f, rest);
        TRY(audit_file_write(f, why));
    }
    if (number > 0) {
        TRY(audit_file_open_segment(folder, number, &fd, why));
        if (!audit_file_go_on(f, number, fd))
            return err_set_os(why, ERR_IO, errno, "%s", folder);
    }
    return audit_file_sync(f) ? file_sync_directory(folder, why)
                              : err_set_os(why, ERR_IO, errno, "%s", folder);
}

enum err audit_file_open(const char *folder, int64_t segment_max,
                         struct audit_file **file, struct err_info *why)
{
    AUTO(arena) struct arena *a = arena_new();
    unsigned int number = 0;

    TRY(audit_file_folder(folder, why));
    TRY(newest(folder, &number, why));
    struct audit_file *f = memory_get_zeroed(1, sizeof *f);
    f->fd = -1;
    f->segment_max = segment_max;
    f->pending = buf_make(PENDING_MAX);
    enum err result = go_on(f, a, folder, number, why);
    if (result != ERR_OK) {
        audit_file_close(f);
        return result;
    }
    *file = f;
    return ERR_OK;
}
