/* Keys in tokens, as the configuration names them. */
#include "server/settings/settings_pkcs11.h"

#include <string.h>

#include "core/pkcs11/pkcs11_uri.h"

static const char *const socket_words[] = {
    [SETTINGS_SOCKETS_NONE] = "none",
    [SETTINGS_SOCKETS_LOCAL] = "local",
    [SETTINGS_SOCKETS_NETWORK] = "network",
};
#define SOCKET_WORDS (sizeof socket_words / sizeof socket_words[0])

bool settings_pkcs11_is_used(const struct settings *s)
{
    for (size_t i = 0; i <= s->issuers.count; i++)
        if (pkcs11_uri_is(settings_issuer_at(s, i).key))
            return true;
    return false;
}

static enum err check_paths(const char *option, const struct config_list *paths,
                            struct err_info *why)
{
    for (size_t i = 0; i < paths->count; i++)
        if (paths->items[i][0] != '/')
            return err_set(why, ERR_CONFIG, "%s: \"%s\" is no absolute path", option,
                           paths->items[i]);
    return ERR_OK;
}

static enum err check_sockets(struct settings *s, struct err_info *why)
{
    for (size_t i = 0; i < SOCKET_WORDS; i++)
        if (strcmp(s->pkcs11_sockets, socket_words[i]) == 0) {
            s->pkcs11_sockets_kind = (int)i;
            return ERR_OK;
        }
    return err_set(why, ERR_CONFIG,
                   "pkcs11.sockets: \"%s\" is none of none, local and network",
                   s->pkcs11_sockets);
}

static bool may_be_loaded(const struct settings *s, const char *module)
{
    for (size_t i = 0; i < s->pkcs11_modules.count; i++)
        if (strcmp(s->pkcs11_modules.items[i], module) == 0)
            return true;
    return false;
}

static enum err check_key(struct arena *a, const struct settings *s, size_t index,
                          struct err_info *why)
{
    const struct settings_issuer issuer = settings_issuer_at(s, index);
    const char *option = index == 0 ? "files.intermediate_key"
                                    : arena_printf(a, "issuers.%s.key", issuer.name);
    struct pkcs11_uri uri;

    if (!pkcs11_uri_is(issuer.key)) {
        if (issuer.pin[0] != '\0')
            return err_set(why, ERR_CONFIG,
                           "issuers.%s.pin: its key is a file, which has no PIN",
                           issuer.name);
        return ERR_OK;
    }
    if (pkcs11_uri_read(a, span_of(issuer.key), &uri, why) != ERR_OK)
        return err_prefix(why, "%s", option);
    if (s->pkcs11_modules.count == 0)
        return err_set(why, ERR_CONFIG,
                       "%s: the key is in a token, but pkcs11.modules names no module to "
                       "reach it by",
                       option);
    if (uri.module_path != NULL && !may_be_loaded(s, uri.module_path))
        return err_set(why, ERR_CONFIG,
                       "%s: the module %s is not one of pkcs11.modules, so it is not "
                       "loaded",
                       option, uri.module_path);
    if (uri.pin_file != NULL && issuer.pin[0] != '\0')
        return err_set(why, ERR_CONFIG, "issuers.%s.pin: the key's pin-source names one",
                       issuer.name);
    return ERR_OK;
}

enum err settings_pkcs11_check(struct arena *a, struct settings *s, struct err_info *why)
{
    TRY(check_paths("pkcs11.modules", &s->pkcs11_modules, why));
    TRY(check_paths("pkcs11.read", &s->pkcs11_read, why));
    TRY(check_paths("pkcs11.write", &s->pkcs11_write, why));
    TRY(check_sockets(s, why));
    for (size_t i = 0; i <= s->issuers.count; i++)
        TRY(check_key(a, s, i, why));
    return ERR_OK;
}
