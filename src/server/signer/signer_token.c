/* The issuing keys that are in tokens. */
#include "server/signer/signer_token.h"

#include "core/base/log.h"
#include "server/settings/settings_pkcs11.h"
#include "server/signer/signer_watch.h"

/* Noted by whoever finds it out first. */
static void on_token(void *context, const char *token, const struct err_info *trouble)
{
    (void)context;
    if (trouble == NULL)
        log_event(LOG_LEVEL_NOTICE, "signer.token_back", "token=" LOG_QUOTE, token);
    else
        log_event(LOG_LEVEL_ERROR, "signer.token_missed",
                  "why=\"%s; it is looked for again whenever it is needed\"",
                  trouble->detail);
}

enum err signer_token_load(const struct settings *s, struct pkcs11 **p,
                           struct err_info *why)
{
    enum err result = ERR_OK;

    *p = NULL;
    if (!settings_pkcs11_is_used(s))
        return ERR_OK;
    struct pkcs11 *made = pkcs11_new();
    for (size_t i = 0; i < s->pkcs11_modules.count && result == ERR_OK; i++)
        result = pkcs11_load(made, s->pkcs11_modules.items[i], why);
    if (result != ERR_OK) {
        pkcs11_free(made);
        return err_prefix(why, "pkcs11.modules");
    }
    *p = made;
    return ERR_OK;
}

void signer_token_rights(struct arena *a, const struct settings *s,
                         struct sandbox_plan *plan)
{
    size_t count = s->pkcs11_read.count + s->pkcs11_write.count;
    struct jail_path *paths = arena_array(a, count, sizeof *paths);
    size_t at = 0;

    for (size_t i = 0; i < s->pkcs11_read.count; i++)
        paths[at++] =
            (struct jail_path){.path = s->pkcs11_read.items[i], .access = JAIL_READ};
    for (size_t i = 0; i < s->pkcs11_write.count; i++)
        paths[at++] = (struct jail_path){.path = s->pkcs11_write.items[i],
                                         .access = JAIL_READ_WRITE};
    plan->paths = paths;
    plan->path_count = count;
    plan->sockets = s->pkcs11_sockets_kind == SETTINGS_SOCKETS_NETWORK ? JAIL_SOCKETS_ALL
                    : s->pkcs11_sockets_kind == SETTINGS_SOCKETS_LOCAL
                        ? JAIL_SOCKETS_LOCAL
                        : JAIL_SOCKETS_NONE;
}

static enum err open_key(const struct settings *s, const struct signer_secrets *secrets,
                         size_t index, struct pkcs11 *p, struct signer_core *core,
                         struct err_info *why)
{
    AUTO(arena) struct arena *a = arena_new();
    const struct settings_issuer issuer = settings_issuer_at(s, index);
    const struct pkcs11_access access = {.module = s->pkcs11_modules.items[0],
                                         .pin = &secrets->pins[index],
                                         .sessions = (size_t)s->pkcs11_sessions};
    struct pkcs11_uri uri;
    struct key *k = NULL;

    TRY(pkcs11_uri_read(a, span_of(issuer.key), &uri, why));
    TRY(pkcs11_key_open(p, &uri, &access, signer_core_spki(core, index), &k, why));
    return signer_core_set_key(core, index, k, why);
}

static enum err open_all(const struct settings *s, const struct signer_secrets *secrets,
                         struct pkcs11 *p, struct signer_core *core,
                         struct signer_watch *watch, struct err_info *why)
{
    for (size_t i = 0; i <= s->issuers.count; i++) {
        const struct settings_issuer issuer = settings_issuer_at(s, i);
        if (!pkcs11_uri_is(issuer.key))
            continue;
        signer_watch_begin(watch, 0);
        enum err result = open_key(s, secrets, i, p, core, why);
        signer_watch_end(watch, 0);
        if (result == ERR_OK)
            continue;
        if (i == 0)
            return err_prefix(why, "files.intermediate_key");
        return err_prefix(why, "issuers.%s.key", issuer.name);
    }
    return ERR_OK;
}

enum err signer_token_open(const struct settings *s, const struct signer_secrets *secrets,
                           struct pkcs11 *p, struct signer_core *core,
                           struct err_info *why)
{
    struct signer_watch *watch = signer_watch_new(1, s->pkcs11_timeout);

    enum err result = open_all(s, secrets, p, core, watch, why);
    signer_watch_free(watch);
    pkcs11_watch(p, on_token, NULL); /* not before: a start that fails says why */
    return result;
}
