/* http-01 by files in the folder of a web server that runs already. */
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/solve/solve_private.h"
#include "core/base/file.h"

struct webroot {
    const char *folder; /* of the challenges */
    const char *files[SOLVE_TOKENS_MAX];
    size_t count;
    const char *made[2]; /* folders that were not there before, the inner one last */
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
    char *path = file_path(s->arena, w->folder, task->token);

    if (w->count == SOLVE_TOKENS_MAX)
        return err_set(why, ERR_TOO_LARGE, "more than %d challenges", SOLVE_TOKENS_MAX);
    TRY(file_replace(path, span_of(task->key_authorization), 0644, why));
    w->files[w->count++] = path;
    return ERR_OK;
}

static void remove_all(struct solver *s)
{
    struct webroot *w = s->state;

    for (size_t i = 0; i < w->count; i++)
        (void)unlink(w->files[i]);
    while (w->made_count > 0)
        (void)rmdir(w->made[--w->made_count]);
}

enum err http_webroot_open(struct solver *s, const char *folder, const char *below,
                           struct err_info *why)
{
    struct webroot *w = arena_get(s->arena, sizeof *w);
    struct stat about;

    if (stat(folder, &about) != 0 || !S_ISDIR(about.st_mode))
        return err_set(why, ERR_USAGE, "--http: %s is no folder", folder);
    s->state = w;
    s->present = present;
    s->close = remove_all;
    w->folder = arena_printf(s->arena, "%s%s", folder, below);
    s->description = arena_printf(s->arena, "answering in %s", w->folder);
    if (below[0] == '\0')
        return ERR_OK;
    TRY(make_folder(s, arena_printf(s->arena, "%s/.well-known", folder), why));
    return make_folder(s, w->folder, why);
}
