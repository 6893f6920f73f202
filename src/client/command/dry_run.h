/* Trying it without changing anything: the order goes to the staging directory of the CA,
 * accounts and certificates into a folder that is thrown away. */
#pragma once

#include "client/settings/settings.h"
#include "client/work/work_confine.h"
#include "core/base/arena.h"
#include "core/base/err.h"

struct dry_run {
    const char *directory; /* the state folder for the time being; NULL: none */
};

/* Make the folder, which nobody else can read. ERR_IO. */
MUST_CHECK enum err dry_run_begin(struct arena *a, struct dry_run *d,
                                  struct err_info *why);

/* Before anything is tried: of the state folder `directory` it shares what proving needs
 * and what must not be forgotten: what providers of DNS records know, and the journals by
 * which a later run removes what this one leaves if it is killed. dns-01, web and
 * acme-dns are made if they are not there; with a lock, and what providers were told,
 * they are all that a dry run leaves behind. ERR_IO. */
MUST_CHECK enum err dry_run_share(struct arena *a, const char *directory,
                                  const struct dry_run *d, struct err_info *why);

/* Turn what is wanted into what is tried: CAs by their staging directories, and no
 * deployment. ERR_CONFIG: a CA has none. */
MUST_CHECK enum err dry_run_wanted(struct arena *a, struct wanted *w,
                                   struct err_info *why);

/* What removing the folder takes; nothing if none was begun. */
void dry_run_files(const struct dry_run *d, struct work_files *files);

/* Remove the folder. One that was not begun is fine. */
void dry_run_end(struct dry_run *d);
static inline void dry_run_auto(struct dry_run *d)
{
    dry_run_end(d);
}
