/* CAs of accounts. */
#include "client/command/account_ca.h"

#include <stdlib.h>
#include <string.h>

#include "client/settings/settings_account_key.h"

#define MADE "ca" /* what a CA is called that is known by its URL only */

static enum err set(const struct client_command *c, struct settings *s, const char *ca,
                    const char *key, const char *value, struct err_info *why)
{
    if (value == NULL)
        return ERR_OK;
    if (config_set(c->arena, &settings_table,
                   arena_printf(c->arena, "cas.%s.%s=%s", ca, key, value), s,
                   why) == ERR_OK)
        return ERR_OK;
    why->code = ERR_USAGE;
    return err_prefix(why, "--ca");
}

/* One of the settings that has this directory knows more of it than its URL. */
static const char *name_of(const struct settings *s, const char *directory)
{
    for (size_t i = 0; i < s->cas.count; i++) {
        const struct settings_ca *ca = s->cas.members[i];
        if (strcmp(ca->directory, directory) == 0)
            return ca->name;
    }
    return NULL;
}

/* A path that stays right when another cairn runs in another folder. */
static enum err set_pin_file(const struct client_command *c, struct settings *s,
                             const char *ca, struct err_info *why)
{
    const char *path = c->pin_file;

    if (path == NULL)
        return ERR_OK;
    char *whole = strncmp(path, "credential:", 11) == 0 ? NULL : realpath(path, NULL);
    if (whole != NULL)
        path = arena_string(c->arena, whole);
    free(whole);
    return set(c, s, ca, "account_pin_file", path, why);
}

/* What is said of the key, in the words of the command line. */
static enum err set_key(const struct client_command *c, struct settings *s,
                        const char *ca, struct err_info *why)
{
    static const char *const names[][2] = {{"account_key: ", "--key: "},
                                           {"account_key_type: ", "--key-type: "}};

    TRY(set(c, s, ca, "account_key", c->account_key, why));
    TRY(set(c, s, ca, "account_key_type", c->account_key_type, why));
    TRY(set_pin_file(c, s, ca, why));
    if (c->account_key == NULL && c->account_key_type == NULL)
        return ERR_OK;
    enum err result = settings_account_key_check(c->arena, settings_ca(s, ca), why);
    for (size_t i = 0; result != ERR_OK && i < 2; i++) {
        size_t len = strlen(names[i][0]);
        if (strncmp(why->detail, names[i][0], len) == 0)
            return err_set(why, ERR_USAGE, "%s%s", names[i][1],
                           arena_string(c->arena, why->detail + len));
    }
    return result;
}

enum err account_ca_find(const struct client_command *c, struct settings *s,
                         const struct settings_ca **ca, struct err_info *why)
{
    const char *name = c->ca != NULL ? c->ca : s->ca;

    if (settings_ca(s, name) == NULL && strncmp(name, "https://", 8) == 0) {
        const char *known = name_of(s, name);
        if (known == NULL)
            TRY(set(c, s, MADE, "directory", name, why));
        name = known != NULL ? known : MADE;
    }
    if (settings_ca(s, name) == NULL)
        return err_set(why, ERR_USAGE,
                       "--ca: \"%.100s\" is neither the name of a CA, such as "
                       "letsencrypt, nor an https URL",
                       name);
    TRY(set(c, s, name, "ca_file", c->ca_file, why));
    TRY(set_key(c, s, name, why));
    TRY(set(c, s, name, "eab_kid", c->eab_kid, why));
    TRY(set(c, s, name, "eab_key_file", c->eab_key_file, why));
    TRY(set(c, s, name, "eab_algorithm", c->eab_algorithm, why));
    if ((c->eab_kid == NULL) != (c->eab_key_file == NULL))
        return err_set(why, ERR_USAGE, "--eab-kid and --eab-key-file belong together");
    *ca = settings_ca(s, name);
    return ERR_OK;
}
