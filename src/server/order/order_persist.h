/* What records of dns-persist-01 name here (draft-ietf-acme-dns-persist). */
#pragma once

#include <stdint.h>

#include "core/base/arena.h"
#include "server/settings/settings.h"

/* Whose record it is. */
struct order_persist_account {
    int64_t id;
    const uint8_t *thumbprint; /* of its key */
};

/* The account URI that a record for `name` must have: the account's URL; where the
 * directory follows revision 02, a digest of it. In the arena. */
char *order_persist_uri(struct arena *a, const struct settings *settings,
                        const struct settings_directory *directory,
                        const struct order_persist_account *account, const char *name);

/* What such a digest stands behind (accountHashPrefix); NULL where none is used. */
char *order_persist_prefix(struct arena *a, const struct settings *settings,
                           const struct settings_directory *directory);
