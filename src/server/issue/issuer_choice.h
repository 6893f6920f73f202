/* Which issuer signs: by profile, directory and the type of the certified key. */
#pragma once

#include "core/crypto/key.h"
#include "server/issue/issuer.h"

#define ISSUER_CHOICE_MAX (SETTINGS_KEY_CLASSES + 1)

/* Who may sign for an order, before its key is known. */
struct issuer_choice {
    const struct issuer *list[ISSUER_CHOICE_MAX]; /* each once; at least one */
    size_t count;
    int64_t not_before; /* seconds: valid by all of them */
    int64_t not_after;
};

/* Who signs for a key of that type: what the profile says by type, then for all types,
 * then the directory the same way, then the one of files.*. NULL if that is not there
 * before a restart. */
const struct issuer *issuer_choice_for_key(const struct issuer_set *set,
                                           const struct settings_directory *directory,
                                           const struct settings_profile *profile,
                                           enum key_type type);

/* All that might sign there; false if one is not there. `profile` NULL: whatever the
 * profile. */
bool issuer_choice_make(const struct issuer_set *set,
                        const struct settings_directory *directory,
                        const struct settings_profile *profile,
                        struct issuer_choice *choice);
