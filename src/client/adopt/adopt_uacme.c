/* uacme: private/key.pem, private/NAME/key.pem, NAME/cert.pem. What it keeps nowhere (CA,
 * hook, when to renew) stands on the command lines that call it. */
#include <string.h>

#include "client/adopt/adopt_calls.h"
#include "core/base/file.h"

#define DAYS_MAX       3650
#define CA_DEFAULT     "https://acme-v02.api.letsencrypt.org/directory"
#define CA_STAGING     "https://acme-staging-v02.api.letsencrypt.org/directory"
#define TOKENS_DEFAULT "/var/www/.well-known/acme-challenge"

struct uacme {
    struct adopt *found;
    struct adopt_calls calls;
    const char *ca;
};

/* Options of uacme(1) that have a value, by their short letters. */
static bool takes_value(char letter)
{
    return strchr("abcdehilrt", letter) != NULL;
}

/* Is `name` what this call issues, and the folder of its files ours? */
static bool is_for(const struct uacme *u, const struct adopt_call *call, const char *name)
{
    const char *folder = adopt_calls_option(call, "-c");
    bool is_issue = false;

    if (folder == NULL)
        folder = adopt_calls_option(call, "--confdir");
    if (folder != NULL && folder[0] == '/' && strcmp(folder, u->found->folder) != 0)
        return false;
    for (size_t i = 0; i < call->count; i++) {
        const char *word = call->words[i];
        if (word[0] == '-' && word[1] != '-' && word[1] != '\0' && word[2] == '\0' &&
            takes_value(word[1])) {
            i++;
            continue;
        }
        if (word[0] == '-')
            continue;
        if (is_issue)
            return strcmp(word, name) == 0 || strchr(word, '$') != NULL;
        is_issue = strcmp(word, "issue") == 0;
    }
    return false;
}

static const struct adopt_call *call_for(const struct uacme *u, const char *name)
{
    for (size_t i = 0; i < u->calls.count; i++)
        if (is_for(u, &u->calls.items[i], name))
            return &u->calls.items[i];
    return NULL;
}

static const char *either(const struct adopt_call *call, const char *one,
                          const char *other)
{
    const char *value = adopt_calls_option(call, one);

    return value != NULL ? value : adopt_calls_option(call, other);
}

/* The CA that the calls name; the first that names one counts. */
static void find_ca(struct uacme *u)
{
    const char *ca = u->found->ca;

    for (size_t i = 0; ca == NULL && i < u->calls.count; i++) {
        ca = either(&u->calls.items[i], "-a", "--acme-url");
        if (ca == NULL && either(&u->calls.items[i], "-s", "--staging") != NULL)
            ca = CA_STAGING;
    }
    if (ca == NULL && u->calls.count == 0)
        adopt_remark(
            u->found, u->found->folder,
            "uacme does not keep which CA it asks: Let's Encrypt is taken for it "
            "unless you say --ca URL");
    u->ca =
        ca != NULL && strncmp(ca, "https://", strlen("https://")) == 0 ? ca : CA_DEFAULT;
}

static const char *base_of(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash != NULL ? slash + 1 : path;
}

/* The hooks that come with uacme have a counterpart; others are called as uacme does. */
static void set_hook(struct uacme *u, struct adopt_certificate *c,
                     const struct adopt_call *call, const char *hook)
{
    struct adopt *found = u->found;
    const char *tokens = adopt_calls_variable(call, "UACME_CHALLENGE_PATH");

    if (hook == NULL || hook[0] != '/') {
        adopt_remark(found, call->file, "uacme's hook is not an absolute path there");
        adopt_ask_way(found, c);
        return;
    }
    if (strcmp(base_of(hook), "uacme.sh") == 0) {
        c->want->http = arena_printf(found->arena, "tokens:%s",
                                     tokens != NULL ? tokens : TOKENS_DEFAULT);
        return;
    }
    if (strcmp(base_of(hook), "ualpn.sh") == 0) {
        adopt_list_add(found, &c->want->challenges, "tls-alpn-01");
        adopt_remark(found, call->file,
                     "ualpn answered tls-alpn-01; cairn has a listener on port 443, or "
                     "stands before a server with tls: splice:ADDRESS:PORT");
        return;
    }
    if (strcmp(base_of(hook), "nsupdate.sh") != 0) {
        adopt_list_add(found, &c->want->challenges, "http-01");
        c->want->http = arena_printf(found->arena, "uacme:%s", hook);
    }
    adopt_list_add(found, &c->want->challenges, "dns-01");
    const char *path = adopt_dns(found, c, "uacme");
    adopt_set(found, c, arena_printf(found->arena, "%s.program", path), hook);
}

static void set_way(struct uacme *u, struct adopt_certificate *c, const char *name)
{
    const struct adopt_call *call = call_for(u, name);

    if (call == NULL) {
        adopt_ask_way(u->found, c);
        return;
    }
    set_hook(u, c, call, either(call, "-h", "--hook"));
    int days = adopt_calls_number(call, "-d", DAYS_MAX);
    if (days == 0)
        days = adopt_calls_number(call, "--days", DAYS_MAX);
    if (days > 0)
        c->want->renew = arena_printf(u->found->arena, "%dd", days);
    c->want->must_staple = either(call, "-m", "--must-staple") != NULL;
    c->want->reuse_key = either(call, "-k", "--new-key") == NULL;
}

static void take_certificate(struct uacme *u, const char *name)
{
    struct adopt *found = u->found;
    struct arena *a = found->arena;
    const char *certificate = arena_printf(a, "%s/%s/cert.pem", found->folder, name);
    const char *key = arena_printf(a, "%s/private/%s/key.pem", found->folder, name);

    if (!file_exists(certificate))
        return;
    struct adopt_certificate *c = adopt_certificate_add(found, name, certificate, u->ca);
    if (c == NULL)
        return;
    adopt_certificate_files(found, c, key, certificate, NULL);
    if (c->want->names.count == 0)
        adopt_list_add(found, &c->want->names, name);
    c->want->reuse_key = true; /* as uacme does */
    set_way(u, c, name);
    adopt_keep_paths(found, c, key, NULL, NULL, certificate);
}

enum err adopt_uacme(struct adopt *found, struct err_info *why)
{
    struct arena *a = found->arena;
    struct uacme u = {.found = found};
    const char *key = file_path(a, found->folder, "private/key.pem");
    const char *const *names = NULL;
    size_t count = 0;

    if (!file_exists(key))
        return err_set(why, ERR_NOT_FOUND, "there is no uacme in %s: no private/key.pem",
                       found->folder);
    adopt_calls_find(a, "uacme", &u.calls);
    find_ca(&u);
    adopt_list_folder(a, found->folder, &names, &count);
    for (size_t i = 0; i < count; i++)
        if (strcmp(names[i], "private") != 0)
            take_certificate(&u, names[i]);
    adopt_account_pem(found, u.ca, NULL, NULL, key);
    adopt_calls_remark(found, "uacme", &u.calls);
    return ERR_OK;
}
