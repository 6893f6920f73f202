/* Where a command works: settings, state folder, and which certificates it is about. */
#pragma once

#include "client/command/client_command.h"

struct place {
    struct settings settings;
    const char *directory; /* state folder */
};

/* Names of certificates. */
struct place_names {
    const char *const *items;
    size_t count;
};

/* Read cairn.yaml and find the state folder, for what runs and changes nothing.
 * ERR_CONFIG, ERR_USAGE. */
MUST_CHECK enum err place_look(const struct client_command *c, struct place *p,
                               struct err_info *why);

/* As that, for all else: the folder must be nobody else's (state_check). */
MUST_CHECK enum err place_find(const struct client_command *c, struct place *p,
                               struct err_info *why);

/* All certificates that cairn.yaml names or that are there, sorted; or those that the
 * command line names, each of which must be one of them: ERR_USAGE, ERR_NOT_FOUND. */
MUST_CHECK enum err place_certificates(const struct client_command *c,
                                       const struct place *p, struct place_names *names,
                                       struct err_info *why);

/* As that, only those that are there. */
MUST_CHECK enum err place_stored(const struct client_command *c, const struct place *p,
                                 struct place_names *names, struct err_info *why);

/* The one certificate that the command line names; it need not be there. ERR_USAGE. */
MUST_CHECK enum err place_one(const struct client_command *c, const char **name,
                              struct err_info *why);
