/* Paths in settings: relative ones are meant from the folder of the file they stand in.
 */
#pragma once

#include "client/settings/settings.h"

/* Make them absolute; the folder of the file is that of its real path, or the current one
 * if it has none. "credential:NAME" and what is no path stays. */
void settings_path_make_whole(struct arena *a, const char *file, struct settings *s);
