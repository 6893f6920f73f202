/* What files the process with the keys may see, found in the settings, and giving up the
 * rest. */
#pragma once

#include "client/settings/settings.h"
#include "client/work/crew.h"
#include "core/jail/jail.h"

/* The files that what is to be done takes. */
struct work_files {
    struct arena *arena;
    const char *directory; /* state folder */
    struct jail_path *paths;
    size_t count;
    size_t room;
    const struct wanted **edits; /* a web server is edited for these: its files are asked
                                    for by work_confine */
    size_t edit_count;
};

/* None but those that every process needs, and the state folder. */
struct work_files work_files_make(struct arena *a, const char *directory);

/* Also this one, which need not be there: "" and NULL are passed over, and
 * "credential:NAME" is the folder of systemd's credentials. */
void work_files_add(struct work_files *f, const char *path, enum jail_access access);

/* Also those that the account at the CA of that URL, as it is kept, takes: its PIN. */
void work_files_add_account(struct work_files *f, const char *ca);

/* Also those that talking to that CA takes. */
void work_files_add_ca(struct work_files *f, const struct settings_ca *ca);

/* Also those that getting and deploying the certificate takes. `w` must stay. */
void work_files_add_wanted(struct work_files *f, const struct wanted *w);

/* Also those of these certificates; those whose settings cannot be found are passed over.
 * And the file of metrics, which is written whatever becomes of them. */
void work_files_add_names(struct work_files *f, const char *directory,
                          const struct settings *settings, const char *const *names,
                          size_t count);

/* Also the folder of agent.metrics_file, for who writes it. */
void work_files_add_metrics(struct work_files *f, const struct settings *settings);

/* Start the runner, then give up all other files and all rights that this takes
 * (proc/confine.h); once only. The process must not fork any more. ERR_INTERNAL. */
MUST_CHECK enum err work_confine(struct crew *crew, struct work_files *f,
                                 struct err_info *why);

/* As that, for a process without a crew. */
MUST_CHECK enum err work_confine_alone(const struct work_files *f, struct err_info *why);
