/* Types of keys. */
#include "client/settings/settings_key.h"

#include <string.h>

#include "core/base/buf.h"

#define LIST_MAX 400 /* octets of the names in a sentence */

static const struct settings_key keys[] = {
#define KEY(name, type, bits, text, for_accounts) {name, type, bits, text, for_accounts},
#include "client/settings/key_types.def"
#undef KEY
};

#define KEY_COUNT (sizeof keys / sizeof keys[0])

const struct settings_key *settings_key_find(const char *name)
{
    for (size_t i = 0; i < KEY_COUNT; i++)
        if (strcmp(keys[i].name, name) == 0)
            return &keys[i];
    return NULL;
}

enum err settings_key_check(const char *name, struct err_info *why)
{
    const struct settings_key *key = settings_key_find(name);
    AUTO(buf) struct buf all = buf_make(LIST_MAX);

    if (key != NULL && key_type_check(key->type, why) == ERR_OK)
        return ERR_OK;
    if (key != NULL) {
        why->code = ERR_CONFIG;
        return ERR_CONFIG;
    }
    for (size_t i = 0; i < KEY_COUNT; i++)
        buf_printf(&all, "%s%s", i > 0 ? ", " : "", keys[i].name);
    return err_set(why, ERR_CONFIG, "\"%.50s\" is none of %.*s", name, (int)all.len,
                   (const char *)all.data);
}
