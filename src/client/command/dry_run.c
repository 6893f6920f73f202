/* A state folder to be thrown away. */
#include "client/command/dry_run.h"

#include <errno.h>
#include <stdlib.h>

#include "core/base/file.h"
#include "core/base/file_tree.h"

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
