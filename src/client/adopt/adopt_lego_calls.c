/* Flags of lego 4, in the environment as LEGO_*, too. */
#include "client/adopt/adopt_lego_calls.h"

#include <string.h>

#include "client/adopt/adopt_pairs.h"
#include "core/base/text.h"

#define DAYS_MAX 3650

const char *adopt_lego_calls_server(const struct adopt_call *call)
{
    const char *server = adopt_calls_option(call, "--server");

    if (server == NULL)
        server = adopt_calls_option(call, "-s");
    if (server == NULL)
        server = adopt_calls_variable(call, "LEGO_SERVER");
    return server != NULL && strncmp(server, "https://", strlen("https://")) == 0 ? server
                                                                                  : NULL;
}

/* Is the folder of its files ours, and its first domain the certificate's? */
static bool is_for(const struct adopt *found, const struct adopt_call *call,
                   const struct adopt_certificate *c)
{
    const char *folder = adopt_calls_option(call, "--path");

    if (folder != NULL && folder[0] == '/' && strcmp(folder, found->folder) != 0)
        return false;
    for (size_t i = 0; i < call->count; i++) {
        const char *word = call->words[i];
        const char *value = NULL;
        if ((strcmp(word, "--domains") == 0 || strcmp(word, "-d") == 0) &&
            i + 1 < call->count)
            value = call->words[i + 1];
        else if (strncmp(word, "--domains=", strlen("--domains=")) == 0)
            value = word + strlen("--domains=");
        for (size_t k = 0; value != NULL && k < c->want->names.count; k++)
            if (strncmp(value, c->want->names.items[k], strcspn(value, ",")) == 0 &&
                strlen(c->want->names.items[k]) == strcspn(value, ","))
                return true;
        if (value != NULL)
            return false; /* the first one names it */
    }
    return false;
}

/* "[ADDRESS]:PORT"; 0 if there is none. */
static int port_of(const char *text)
{
    const char *colon = text != NULL ? strrchr(text, ':') : NULL;
    uint64_t port = 0;

    return colon != NULL && text_number(span_of(colon + 1), 65535, &port) ? (int)port : 0;
}

/* ---- DNS ---- */

static void set_rfc2136(struct adopt *found, const struct adopt_call *call,
                        struct adopt_certificate *c, const char *path)
{
    struct arena *a = found->arena;
    const char *server = adopt_calls_variable(call, "RFC2136_NAMESERVER");
    const char *key = adopt_calls_variable(call, "RFC2136_TSIG_KEY");
    const char *secret = adopt_calls_variable(call, "RFC2136_TSIG_SECRET");
    const char *algorithm = adopt_calls_variable(call, "RFC2136_TSIG_ALGORITHM");

    if (server != NULL)
        adopt_set(found, c, arena_printf(a, "%s.server", path), server);
    if (key == NULL || secret == NULL) {
        adopt_remark(found, call->file,
                     "the TSIG key is not there: write it to a file with mode 0600 and "
                     "name that in %s.key_file",
                     path);
        return;
    }
    const char *kind = algorithm != NULL ? algorithm : "hmac-sha1";
    const char *line = arena_printf(a, "%.*s:%s:%s\n",
                                    (int)(strlen(kind) - (kind[strlen(kind) - 1] == '.')),
                                    kind, key, secret);
    adopt_set(found, c, arena_printf(a, "%s.key_file", path),
              adopt_secret_add(found, "lego-tsig", span_of(line)));
}

static void set_httpreq(struct adopt *found, const struct adopt_call *call,
                        struct adopt_certificate *c, const char *path)
{
    struct arena *a = found->arena;
    const char *url = adopt_calls_variable(call, "HTTPREQ_ENDPOINT");
    const char *user = adopt_calls_variable(call, "HTTPREQ_USERNAME");
    const char *password = adopt_calls_variable(call, "HTTPREQ_PASSWORD");
    const char *mode = adopt_calls_variable(call, "HTTPREQ_MODE");

    if (url != NULL)
        adopt_set(found, c, arena_printf(a, "%s.url", path), url);
    if (mode != NULL && strcmp(mode, "RAW") == 0)
        adopt_set(found, c, arena_printf(a, "%s.mode", path), "raw");
    if (user != NULL && password != NULL)
        adopt_set(found, c, arena_printf(a, "%s.credentials", path),
                  adopt_secret_add(found, "lego-httpreq",
                                   span_of(arena_printf(a, "%s:%s\n", user, password))));
}

static void set_exec(struct adopt *found, const struct adopt_call *call,
                     struct adopt_certificate *c, const char *path)
{
    struct arena *a = found->arena;
    const char *program = adopt_calls_variable(call, "EXEC_PATH");
    const char *mode = adopt_calls_variable(call, "EXEC_MODE");

    if (program != NULL)
        adopt_set(found, c, arena_printf(a, "%s.program", path), program);
    if (mode != NULL && strcmp(mode, "RAW") == 0)
        adopt_set(found, c, arena_printf(a, "%s.mode", path), "raw");
}

static void set_dns(struct adopt *found, const struct adopt_call *call,
                    struct adopt_certificate *c, const char *provider)
{
    static const struct {
        const char *name;
        void (*set)(struct adopt *, const struct adopt_call *, struct adopt_certificate *,
                    const char *);
    } known[] = {{"rfc2136", set_rfc2136}, {"httpreq", set_httpreq}, {"exec", set_exec}};

    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strcmp(known[i].name, provider) == 0) {
            adopt_list_add(found, &c->want->challenges, "dns-01");
            known[i].set(found, call, c, adopt_dns(found, c, provider));
            return;
        }
    adopt_remark(found, call->file,
                 "names were proved by lego's provider %s: acme.sh has scripts for most, "
                 "so say dns in cairn.yaml, with provider acme.sh:dns_NAME and the "
                 "credentials in a file (cairn-hooks(7))",
                 provider);
    if (strcmp(provider, "manual") == 0)
        (void)adopt_dns(found, c, provider);
}

/* ---- all ---- */

static void set_http(struct adopt *found, const struct adopt_call *call,
                     struct adopt_certificate *c)
{
    const char *folder = adopt_calls_option(call, "--http.webroot");
    int port = port_of(adopt_calls_option(call, "--http.port"));

    adopt_list_add(found, &c->want->challenges, "http-01");
    if (folder != NULL && folder[0] != '\0')
        c->want->http = arena_printf(found->arena, "webroot:%s", folder);
    if (port != 0)
        c->want->http_port = port;
}

/* With the variables that lego gives its hooks. */
static void set_hook(struct adopt *found, const struct adopt_call *call,
                     struct adopt_certificate *c)
{
    const char *hook = adopt_calls_option(call, "--renew-hook");

    if (hook == NULL)
        hook = adopt_calls_option(call, "--run-hook");
    if (hook == NULL || hook[0] == '\0')
        return;
    adopt_deploy_command(
        found, c,
        arena_printf(found->arena,
                     "export LEGO_CERT_DOMAIN=%s LEGO_CERT_PATH=\"$CAIRN_FULLCHAIN\" "
                     "LEGO_CERT_KEY_PATH=\"$CAIRN_KEY\"; %s",
                     adopt_pairs_quote(found->arena, c->want->names.items[0]), hook));
}

bool adopt_lego_calls_set(struct adopt *found, const struct adopt_calls *calls,
                          struct adopt_certificate *c)
{
    const struct adopt_call *call = NULL;

    for (size_t i = 0; i < calls->count && call == NULL; i++)
        if (is_for(found, &calls->items[i], c))
            call = &calls->items[i];
    if (call == NULL)
        return false;
    const char *dns = adopt_calls_option(call, "--dns");
    int days = adopt_calls_number(call, "--days", DAYS_MAX);
    const char *chain = adopt_calls_option(call, "--preferred-chain");
    const char *profile = adopt_calls_option(call, "--profile");
    if (adopt_calls_option(call, "--http") != NULL)
        set_http(found, call, c);
    if (adopt_calls_option(call, "--tls") != NULL) {
        int port = port_of(adopt_calls_option(call, "--tls.port"));
        adopt_list_add(found, &c->want->challenges, "tls-alpn-01");
        if (port != 0)
            c->want->tls_port = port;
    }
    if (dns != NULL)
        set_dns(found, call, c, dns);
    if (days > 0)
        c->want->renew = arena_printf(found->arena, "%dd", days);
    if (chain != NULL)
        c->want->preferred_chain = chain;
    if (profile != NULL)
        c->want->profile = profile;
    c->want->must_staple = adopt_calls_option(call, "--must-staple") != NULL;
    c->want->reuse_key = adopt_calls_option(call, "--reuse-key") != NULL;
    set_hook(found, call, c);
    return true;
}
