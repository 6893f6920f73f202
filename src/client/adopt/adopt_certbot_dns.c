/* certbot's DNS plugins: rfc2136 becomes our own, others scripts of acme.sh. */
#include <string.h>

#include "client/adopt/adopt_certbot.h"
#include "core/base/text.h"

#define PARAMETERS      "renewalparams"
#define CREDENTIALS_MAX (64 * 1024) /* octets */
#define PAIRS_MAX       4

struct plugin {
    const char *name;
    const char *script;
    struct {
        const char *option;
        const char *variable;
    } pairs[PAIRS_MAX];
};

static const struct plugin plugins[] = {
#define PLUGIN(name, script, ...) {name, script, {__VA_ARGS__}},
#include "client/adopt/certbot_plugins.def"
#undef PLUGIN
};

/* "dns_cloudflare", as options begin. */
static char *prefix_of(struct arena *a, const char *authenticator)
{
    char *prefix = arena_string(a, authenticator);

    for (char *p = prefix; *p != '\0'; p++)
        if (*p == '-')
            *p = '_';
    return prefix;
}

/* The file that [renewalparams] names. */
static bool read_credentials(struct adopt *found, struct adopt_certificate *c,
                             const struct adopt_pairs *parameters, const char *prefix,
                             struct adopt_pairs *credentials)
{
    struct err_info why = {0};
    const char *path = adopt_pairs_text(
        parameters, PARAMETERS, arena_printf(found->arena, "%s_credentials", prefix));

    if (adopt_pairs_read_ini(found->arena, path, credentials, &why) != ERR_OK) {
        adopt_remark(found, c->file, "the credentials for %s are not taken over: %s",
                     prefix, why.detail);
        return false;
    }
    return true;
}

static const char *credential(struct adopt *found, const struct adopt_pairs *credentials,
                              const char *prefix, const char *option)
{
    return adopt_pairs_text(credentials, "",
                            arena_printf(found->arena, "%s_%s", prefix, option));
}

static void take_rfc2136(struct adopt *found, struct adopt_certificate *c,
                         const struct adopt_pairs *parameters)
{
    struct arena *a = found->arena;
    static const char prefix[] = "dns_rfc2136";
    struct adopt_pairs credentials = {0};
    const char *path = adopt_dns(found, c, "rfc2136");

    if (!read_credentials(found, c, parameters, prefix, &credentials))
        return;
    const char *server = credential(found, &credentials, prefix, "server");
    const char *port = credential(found, &credentials, prefix, "port");
    const char *key = credential(found, &credentials, prefix, "name");
    const char *secret = credential(found, &credentials, prefix, "secret");
    const char *algorithm = credential(found, &credentials, prefix, "algorithm");
    char *kind = arena_string(a, algorithm[0] != '\0' ? algorithm : "hmac-md5");
    text_lower(kind);
    const char *text = arena_printf(a, "%s:%s:%s\n", kind, key, secret);
    const char *file = adopt_secret_add(
        found, arena_printf(a, "tsig-%s.key", adopt_member_name(a, key)), span_of(text));
    adopt_set(found, c, arena_printf(a, "%s.key_file", path), file);
    if (server[0] != '\0')
        adopt_set(found, c, arena_printf(a, "%s.server", path),
                  port[0] == '\0'               ? server
                  : strchr(server, ':') != NULL ? arena_printf(a, "[%s]:%s", server, port)
                                                : arena_printf(a, "%s:%s", server, port));
    if (strcmp(kind, "hmac-md5") == 0)
        adopt_remark(found, c->file,
                     "its TSIG key is for hmac-md5, which cairn does not use: have the "
                     "name server take another key, and write it to %s",
                     file);
}

static void take_script(struct adopt *found, struct adopt_certificate *c,
                        const struct adopt_pairs *parameters, const struct plugin *plugin)
{
    struct arena *a = found->arena;
    const char *prefix = prefix_of(a, plugin->name);
    struct adopt_pairs credentials = {0};
    AUTO(buf) struct buf b = buf_make(CREDENTIALS_MAX);
    const char *path = adopt_dns(found, c, arena_printf(a, "acme.sh:%s", plugin->script));

    if (!read_credentials(found, c, parameters, prefix, &credentials))
        return;
    for (size_t i = 0; i < PAIRS_MAX && plugin->pairs[i].option != NULL; i++) {
        const char *value =
            credential(found, &credentials, prefix, plugin->pairs[i].option);
        if (value[0] != '\0')
            buf_printf(&b, "%s=%s\n", plugin->pairs[i].variable,
                       adopt_pairs_quote(a, value));
    }
    adopt_set(
        found, c, arena_printf(a, "%s.credentials", path),
        adopt_secret_add(found, arena_printf(a, "%s.env", plugin->script), buf_span(&b)));
}

bool adopt_certbot_plugin(struct adopt *found, struct adopt_certificate *c,
                          const struct adopt_pairs *parameters, const char *authenticator)
{
    bool known = strcmp(authenticator, "dns-rfc2136") == 0;

    if (known)
        take_rfc2136(found, c, parameters);
    for (size_t i = 0; i < sizeof plugins / sizeof plugins[0] && !known; i++) {
        if (strcmp(plugins[i].name, authenticator) != 0)
            continue;
        take_script(found, c, parameters, &plugins[i]);
        known = true;
    }
    if (known)
        adopt_list_add(found, &c->want->challenges, "dns-01");
    return known;
}
