/* Settings that are kept with a certificate. */
#include "client/store/remembered.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "core/base/file.h"

static char *path_of(struct arena *a, const char *directory, const char *name)
{
    return arena_printf(a, "%s/certificates/%s/cairn.yaml", directory, name);
}

enum err remembered_put(struct arena *a, const char *directory, const struct wanted *w,
                        struct err_info *why)
{
    AUTO(buf) struct buf b = buf_make(CONFIG_FILE_MAX);

    buf_add_text(&b, "# What cairn issue was told. It can be moved into cairn.yaml.\n");
    settings_write_one(&b, w);
    if (b.failed)
        return err_set(why, ERR_IO, "the settings are too large to be kept");
    return file_replace(path_of(a, directory, w->certificate->name), buf_span(&b), 0600,
                        why);
}

/* All of the base but its families and what certificates begin as. */
static enum err begin(struct arena *a, const struct settings *base, struct settings *s,
                      struct err_info *why)
{
    struct settings fresh;

    TRY(settings_defaults(a, &fresh, why));
    *s = *base;
    s->cas = fresh.cas;
    s->dns = fresh.dns;
    s->certificates = fresh.certificates;
    s->deployments = fresh.deployments;
    s->defaults = fresh.defaults;
    s->ca = fresh.ca;
    return ERR_OK;
}

enum err remembered_get(struct arena *a, const char *directory, const char *name,
                        const struct settings *base, struct wanted *w,
                        struct err_info *why)
{
    char *path = path_of(a, directory, name);
    struct settings *s = arena_get(a, sizeof *s);
    struct span text;

    TRY(file_read(a, path, CONFIG_FILE_MAX, &text, why));
    TRY(begin(a, base, s, why));
    TRY(settings_read(a, path, text, s, why));
    const struct settings_certificate *c = settings_certificate(s, name);
    if (c == NULL)
        return err_set(why, ERR_CONFIG, "%s: there is no certificates.%s", path, name);
    settings_wanted(s, c, w);
    return ERR_OK;
}

enum err remembered_remove(struct arena *a, const char *directory, const char *name,
                           struct err_info *why)
{
    char *path = path_of(a, directory, name);

    if (unlink(path) != 0 && errno != ENOENT)
        return err_set_os(why, ERR_IO, errno, "cannot remove %s", path);
    return ERR_OK;
}
