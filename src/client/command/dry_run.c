/* A state folder to be thrown away. */
#include "client/command/dry_run.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/settings/settings_key.h"
#include "client/store/state.h"
#include "core/base/file.h"
#include "core/base/file_tree.h"

/* Of the state folder; what must outlive the dry run first. */
static const char *const shared[] = {"dns-01", "web", "acme-dns", "acme.sh"};
#define KEPT 3

/* What is in a journal that is not in the state folder is never looked for again, and who
 * is told to add a CNAME for an account of acme-dns adds it for good. Where they cannot
 * be made, it is tried without: nothing can be issued there either. */
static void make_kept(struct arena *a, const char *directory)
{
    struct err_info ignored = {0};
    enum err result = state_make(a, directory, &ignored);

    for (size_t i = 0; i < KEPT && result == ERR_OK; i++)
        result = file_make_directory(file_path(a, directory, shared[i]), 0700, &ignored);
}

enum err dry_run_share(struct arena *a, const char *directory, const struct dry_run *d,
                       struct err_info *why)
{
    char from[PATH_MAX];

    make_kept(a, directory);
    if (realpath(directory, from) == NULL)
        return ERR_OK;
    for (size_t i = 0; i < sizeof shared / sizeof shared[0]; i++) {
        const char *there = file_path(a, from, shared[i]);
        const char *here = file_path(a, d->directory, shared[i]);
        if (file_exists(there) && symlink(there, here) != 0)
            return err_set_os(why, ERR_IO, errno, "cannot make %s", here);
    }
    return ERR_OK;
}

enum err dry_run_begin(struct arena *a, struct dry_run *d, struct err_info *why)
{
    const char *parent = secure_getenv("TMPDIR");
    char *folder = file_path(a, parent != NULL && parent[0] == '/' ? parent : "/tmp",
                             "cairn-dry-run-XXXXXX");

    if (mkdtemp(folder) == NULL)
        return err_set_os(why, ERR_IO, errno, "cannot make the folder %s", folder);
    d->directory = folder;
    return ERR_OK;
}

void dry_run_files(const struct dry_run *d, struct work_files *files)
{
    if (d->directory == NULL)
        return;
    const char *slash = strrchr(d->directory, '/');
    work_files_add(
        files,
        slash == d->directory
            ? "/"
            : arena_string_of(files->arena,
                              span_make(d->directory, (size_t)(slash - d->directory))),
        JAIL_CLEAR);
}

enum err dry_run_wanted(struct arena *a, struct wanted *w, struct err_info *why)
{
    for (size_t i = 0; i < w->ca_count; i++) {
        struct settings_ca *ca = arena_get(a, sizeof *ca);
        *ca = *w->cas[i];
        if (ca->staging[0] == '\0')
            return err_set(why, ERR_CONFIG,
                           "the CA %s has no staging directory to try it with: "
                           "cas.%s.staging says one",
                           ca->name, ca->name);
        ca->directory = ca->staging;
        if (settings_key_find(ca->account_key) == NULL)
            ca->account_key = "p256"; /* nothing is made in a device */
        w->cas[i] = ca;
    }
    w->deployment_count = 0;
    return ERR_OK;
}

void dry_run_end(struct dry_run *d)
{
    struct err_info ignored = {0};

    if (d->directory != NULL)
        (void)(file_tree_remove(d->directory, &ignored) == ERR_OK);
    d->directory = NULL;
}
