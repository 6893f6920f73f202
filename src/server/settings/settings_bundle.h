/* The certificates that the settings name, behind their text: what the supervisor has
 * read once is what every process sees, whatever becomes of the files, and a process that
 * can open none any more has new ones after a reload. */
#pragma once

#include "server/settings/settings.h"

#define SETTINGS_BUNDLE_FILE_MAX (256 * 1024) /* octets of a file with certificates */

/* Read the files (roots, chains, alternates; never keys) and append them to the text, in
 * the arena. ERR_NOT_FOUND, ERR_IO, ERR_TOO_LARGE with the file. */
MUST_CHECK enum err settings_bundle_join(struct arena *a, const struct settings *settings,
                                         struct span *text, struct err_info *why);

/* Cut it off the end of a text, which may have none. */
void settings_bundle_split(struct span *text, struct span *bundle);

/* The content of a file, or of a folder of attest.ek_roots, by the name that the settings
 * have for it; false if it is not in the bundle. */
bool settings_bundle_find(const struct settings *settings, const char *name,
                          struct span *content);

/* The content of a file by the name that the settings have for it: out of the bundle, or
 * from disk if that has it not. */
MUST_CHECK enum err settings_bundle_read(struct arena *a, const struct settings *settings,
                                         const char *name, struct span *content,
                                         struct err_info *why);

/* Are the issuers the same by both: names, keys' files and passphrase, certificates? */
bool settings_bundle_same(const struct settings *one, const struct settings *other);
