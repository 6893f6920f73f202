/* The CA's settings: const once loaded; a reload makes a new object. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/base/arena.h"
#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/config/config.h"

#define SETTINGS_FILE         "cairn-ca.yaml"
#define SETTINGS_LISTEN_MAX   64 /* listening addresses */
#define SETTINGS_NETWORKS_MAX 64 /* of validation.allow_networks */

/* Networks in validation.allow_networks, as many as the validator takes. */
#define SETTINGS_NETWORKS_MAX 64

/* One member for each row of options.def; times in milliseconds. */
struct settings {
#define TEXT                                                        const char *
#define LIST                                                        struct config_list
#define NUMBER                                                      int64_t
#define BOOL                                                        bool
#define DURATION                                                    int64_t
#define OPTION(path, kind, member, fallback, least, most, sentence) kind member;
#include "server/settings/options.def"
#undef OPTION
#undef TEXT
#undef LIST
#undef NUMBER
#undef BOOL
#undef DURATION
    const char *directory;   /* the CA's folder */
    const char *const *sets; /* the --set texts, which stay in force over a reload */
    size_t set_count;
    const char
        *base; /* origin in use: "https://ca.example.test:8443", no slash at the end */
};

/* Read DIRECTORY/cairn-ca.yaml and the --set texts, and check what belongs together.
 * Everything lives in the arena. ERR_CONFIG with file, line and column. */
MUST_CHECK enum err settings_load(struct arena *a, const char *directory,
                                  const char *const *sets, size_t set_count,
                                  const struct settings **settings, struct err_info *why);

/* The same from the file's text, which somebody else has read; errors name the file.
 */
MUST_CHECK enum err settings_read(struct arena *a, const char *directory,
                                  struct span text, const char *const *sets,
                                  size_t set_count, const struct settings **settings,
                                  struct err_info *why);

/* Read the text of DIRECTORY/cairn-ca.yaml into the arena. ERR_CONFIG if it is not there.
 */
MUST_CHECK enum err settings_file_text(struct arena *a, const char *directory,
                                       struct span *text, struct err_info *why);

/* A new text with the directory and the --set texts of `old`, for a reload. */
MUST_CHECK enum err settings_reread(struct arena *a, const struct settings *old,
                                    struct span text, const struct settings **settings,
                                    struct err_info *why);

/* Defaults with the --set texts only, for `init`. */
MUST_CHECK enum err settings_defaults(struct arena *a, const char *directory,
                                      const char *const *sets, size_t set_count,
                                      struct settings **settings, struct err_info *why);

/* Append the commented file with these values. */
void settings_write(struct buf *b, const struct settings *settings);

/* A file of the CA: `name` relative to its folder. In the arena. */
char *settings_path(struct arena *a, const struct settings *settings, const char *name);
