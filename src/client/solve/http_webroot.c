/* http-01 by files in the folder of a web server that runs already. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/solve/solve_private.h"
#include "client/solve/web_journal.h"
#include "core/base/file.h"

/* Files that were written together. */
struct written {
    struct web_entry entry;
    int lock; /* -1: not in the journal */
    struct written *next;
};

struct webroot {
    const char *folder; /* of the challenges */
    const char *files[SOLVE_TOKENS_MAX];
    const char *contents[SOLVE_TOKENS_MAX];
    size_t count;
    size_t written;           /* of them, or begun */
    struct written *together; /* they are in these */
    const char *made[2];      /* folders that were not there before, the inner one last */
    size_t made_count;
};

/* Readable for the web server, whatever the umask. */
static enum err make_folder(struct solver *s, const char *path, struct err_info *why)
{
    struct webroot *w = s->state;

    if (mkdir(path, 0755) == 0) {
        w->made[w->made_count++] = path;
        return chmod(path, 0755) == 0
                   ? ERR_OK
                   : err_set_os(why, ERR_IO, errno, "cannot open %s to others", path);
    }
    if (errno == EEXIST)
        return ERR_OK;
    return err_set_os(why, ERR_IO, errno, "cannot make %s", path);
}

static enum err present(struct solver *s, const struct solve_task *task,
                        struct err_info *why)
{
    struct webroot *w = s->state;

    if (w->count == SOLVE_TOKENS_MAX)
        return err_set(why, ERR_TOO_LARGE, "more than %d challenges", SOLVE_TOKENS_MAX);
    w->files[w->count] = file_path(s->arena, w->folder, task->token);
    w->contents[w->count++] = arena_string(s->arena, task->key_authorization);
    return ERR_OK;
}

/* It is nobody's after a loss of power, so it is not synced. */
static enum err write_file(const char *path, const char *content, struct err_info *why)
{
    if (unlink(path) != 0 && errno != ENOENT) /* whoever has prepared something there */
        return err_set_os(why, ERR_IO, errno, "cannot replace %s", path);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (fd < 0)
        return err_set_os(why, ERR_IO, errno, "cannot write %s", path);
    bool good = file_write_all(fd, span_of(content)) && fchmod(fd, 0644) == 0;
    int reason = errno;
    good = close(fd) == 0 && good;
    return good ? ERR_OK : err_set_os(why, ERR_IO, reason, "cannot write %s", path);
}

/* In the journal first: if we are killed, the next run takes them away. */
static enum err write_all(struct solver *s, struct err_info *why)
{
    struct webroot *w = s->state;
    struct written *b = NULL;

    if (w->written == w->count)
        return ERR_OK;
    b = arena_get(s->arena, sizeof *b);
    *b = (struct written){.entry = {.server = WEB_JOURNAL_FOLDER,
                                    .config = w->folder,
                                    .files = w->files + w->written,
                                    .file_count = w->count - w->written},
                          .lock = -1,
                          .next = w->together};
    w->together = b;
    TRY(web_journal_begin(s->arena, s->options->directory, &b->entry, &b->lock, why));
    while (w->written < w->count) {
        size_t i = w->written++;
        TRY(write_file(w->files[i], w->contents[i], why));
    }
    return ERR_OK;
}

static void remove_all(struct solver *s)
{
    struct webroot *w = s->state;
    struct err_info why = {0};

    for (size_t i = 0; i < w->written; i++)
        (void)unlink(w->files[i]);
    while (w->made_count > 0)
        (void)rmdir(w->made[--w->made_count]);
    for (struct written *b = w->together; b != NULL; b = b->next)
        if (b->lock >= 0 && web_journal_end(s->arena, s->options->directory, &b->entry,
                                            b->lock, &why) != ERR_OK)
            report_warning("%s", why.detail);
}

enum err http_webroot_open(struct solver *s, const char *folder, const char *below,
                           struct err_info *why)
{
    struct webroot *w = arena_get(s->arena, sizeof *w);
    struct stat about;

    if (stat(folder, &about) != 0 || !S_ISDIR(about.st_mode))
        return err_set(why, ERR_USAGE, "http: %s is no folder", folder);
    s->state = w;
    s->present = present;
    s->ready = write_all;
    s->close = remove_all;
    w->folder = arena_printf(s->arena, "%s%s", folder, below);
    s->description = arena_printf(s->arena, "answering in %s", w->folder);
    if (below[0] == '\0')
        return ERR_OK;
    TRY(make_folder(s, arena_printf(s->arena, "%s/.well-known", folder), why));
    return make_folder(s, w->folder, why);
}
