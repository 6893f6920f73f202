/* What a certificate takes of this host, looked at before a CA is asked: files and
 * folders that its settings name, and whether anything else is written to where it is to
 * go. A certificate that could not be used is not worth an order. */
#pragma once

#include "client/settings/settings.h"
#include "core/base/arena.h"
#include "core/base/err.h"

struct work_places;

/* The files that deployments write, of all certificates of the settings. */
struct work_places *work_places_read(struct arena *a, const struct settings *s);

/* `known`, if it is of these very settings; else, and if it is NULL, read. */
const struct work_places *work_places_know(struct arena *a,
                                           const struct work_places *known,
                                           const struct settings *s);

/* Is all of that there? `directory` is the state folder, where accounts are that need no
 * external binding any more; NULL: none is looked for. ERR_CONFIG with a sentence that
 * begins with the option. */
MUST_CHECK enum err work_places_check(const struct work_places *places,
                                      const char *directory, const struct wanted *w,
                                      struct err_info *why);

/* Does each key of the certificate get somewhere, if it is written anywhere at all? What
 * is left out is of no use to servers, but can be wanted. ERR_CONFIG, as above. */
MUST_CHECK enum err work_places_check_keys(const struct wanted *w, struct err_info *why);
