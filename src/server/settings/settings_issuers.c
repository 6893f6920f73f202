/* Who signs what. */
#include "server/settings/settings_issuers.h"

#include <string.h>

static const char *const words[SETTINGS_KEY_CLASSES] = {"rsa", "ecdsa", "ed25519",
                                                        "mldsa"};

static enum err check_name(const struct settings *s, const char *option, const char *name,
                           struct err_info *why)
{
    if (settings_issuer(s, name) != NULL)
        return ERR_OK;
    return err_set(why, ERR_CONFIG, "%s: there is no issuer \"%s\"", option, name);
}

static enum err read_row(struct arena *a, const struct settings *s, const char *row,
                         const char *by_key[SETTINGS_KEY_CLASSES], struct err_info *why)
{
    size_t len = strcspn(row, "=");

    for (int i = 0; row[len] == '=' && i < SETTINGS_KEY_CLASSES; i++) {
        if (strlen(words[i]) != len || strncmp(row, words[i], len) != 0)
            continue;
        if (by_key[i] != NULL)
            return err_set(why, ERR_CONFIG, "issuers: %s is there twice", words[i]);
        by_key[i] = arena_string(a, row + len + 1);
        return check_name(s, "issuers", by_key[i], why);
    }
    return err_set(
        why, ERR_CONFIG,
        "issuers: \"%s\" is none of rsa=NAME, ecdsa=NAME, ed25519=NAME, mldsa=NAME", row);
}

enum err settings_issuers_read(struct arena *a, const struct settings *settings,
                               const char *issuer, const struct config_list *issuers,
                               const char *by_key[SETTINGS_KEY_CLASSES],
                               struct err_info *why)
{
    if (issuer[0] != '\0')
        TRY(check_name(settings, "issuer", issuer, why));
    for (size_t i = 0; i < issuers->count; i++)
        TRY(read_row(a, settings, issuers->items[i], by_key, why));
    return ERR_OK;
}

const char *settings_issuers_name(const struct settings_directory *directory,
                                  const struct settings_profile *profile,
                                  enum settings_key_class class)
{
    if (profile != NULL && profile->issuer_by_key[class] != NULL)
        return profile->issuer_by_key[class];
    if (profile != NULL && profile->issuer != NULL && profile->issuer[0] != '\0')
        return profile->issuer;
    if (directory->issuer_by_key[class] != NULL)
        return directory->issuer_by_key[class];
    return directory->issuer;
}
