/* lego: certificates/NAME.{json,crt,key,issuer.crt}; accounts/HOST/MAIL/ with
 * account.json and keys/MAIL.key, of lego 5 accounts/HOST/ID/TYPE/ with account.json and
 * ID.key. What it keeps nowhere stands on the command lines that call it
 * (adopt_lego_calls.c). */
#include <string.h>

#include "client/adopt/adopt_lego_calls.h"
#include "core/base/file.h"
#include "core/json/json_read.h"

#define JSON_SUFFIX ".json"

static const struct json *read_json(struct adopt *found, const char *path)
{
    struct err_info why = {0};
    const struct json *value = NULL;
    struct span text;

    if (file_read(found->arena, path, ADOPT_FILE_MAX, &text, &why) != ERR_OK ||
        json_read(found->arena, text, &value, &why) != ERR_OK) {
        adopt_remark(found, path, "not read: %s", why.detail);
        return NULL;
    }
    return value;
}

/* The host of a URL, with its port, as folders are called. */
static const char *host_of(struct arena *a, const char *url)
{
    const char *rest = strstr(url, "://");
    const char *host = rest != NULL ? rest + 3 : url;
    char *name = arena_string_of(a, span_make(host, strcspn(host, "/")));

    for (char *p = name; *p != '\0'; p++)
        if (*p == ':')
            *p = '_';
    return name;
}

/* The directory at a host: lego does not keep its URL. NULL: not known. */
static const char *directory_at(struct adopt *found, const struct adopt_calls *calls,
                                const char *host)
{
    static const char *const known[] = {
#define AUTHORITY(name, url, ...) url,
#include "client/settings/authorities.def"
#undef AUTHORITY
    };

    if (found->ca != NULL && strcmp(host_of(found->arena, found->ca), host) == 0)
        return found->ca;
    for (size_t i = 0; i < calls->count; i++) {
        const char *server = adopt_lego_calls_server(&calls->items[i]);
        if (server != NULL && strcmp(host_of(found->arena, server), host) == 0)
            return server;
    }
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strcmp(host_of(found->arena, known[i]), host) == 0)
            return known[i];
    return NULL;
}

static void take_account(struct adopt *found, const struct adopt_calls *calls,
                         const char *host, const char *mail)
{
    struct arena *a = found->arena;
    const char *folder = arena_printf(a, "%s/accounts/%s/%s", found->folder, host, mail);
    const char *key = arena_printf(a, "%s/keys/%s.key", folder, mail);
    const char *ca = directory_at(found, calls, host);
    const char *const *types = NULL;
    size_t count = 0;

    if (ca == NULL) {
        adopt_skip(found, folder,
                   "the URL of the directory at %s is not kept: say --ca URL", host);
        return;
    }
    adopt_list_folder(a, folder, &types, &count);
    for (size_t i = 0; i < count && !file_exists(key); i++) { /* lego 5 */
        const char *below = file_path(a, folder, types[i]);
        const char *there = arena_printf(a, "%s/%s.key", below, mail);
        if (!file_exists(there))
            continue;
        folder = below;
        key = there;
    }
    const struct json *about = read_json(found, file_path(a, folder, "account.json"));
    const struct json *registration = json_member(about, "registration");
    const char *url = json_text(json_member(registration, "uri"));
    adopt_account_pem(found, ca, url, strchr(mail, '@') != NULL ? mail : NULL, key);
}

static void take_accounts(struct adopt *found, const struct adopt_calls *calls)
{
    struct arena *a = found->arena;
    const char *folder = file_path(a, found->folder, "accounts");
    const char *const *hosts = NULL;
    size_t host_count = 0;

    adopt_list_folder(a, folder, &hosts, &host_count);
    for (size_t i = 0; i < host_count; i++) {
        const char *const *mails = NULL;
        size_t mail_count = 0;
        adopt_list_folder(a, file_path(a, folder, hosts[i]), &mails, &mail_count);
        for (size_t k = 0; k < mail_count; k++)
            take_account(found, calls, hosts[i], mails[k]);
    }
}

/* `name` of its files: the first name, "_" for an asterisk. */
static void take_certificate(struct adopt *found, const struct adopt_calls *calls,
                             const char *name)
{
    struct arena *a = found->arena;
    const char *stem = arena_printf(a, "%s/certificates/%s", found->folder, name);
    const char *path = arena_printf(a, "%s.json", stem);
    const char *key = arena_printf(a, "%s.key", stem);
    const char *certificate = arena_printf(a, "%s.crt", stem);
    const struct json *about = read_json(found, path);
    const char *url = json_text(json_member(about, "certUrl"));

    const char *ca =
        url != NULL ? directory_at(found, calls, host_of(a, url)) : found->ca;
    if (ca == NULL) {
        adopt_skip(found, path,
                   "which directory it is from is not kept (its URL is %s): say --ca "
                   "URL",
                   url != NULL ? url : "not kept, either");
        return;
    }
    struct adopt_certificate *c = adopt_certificate_add(found, name, path, ca);
    if (c == NULL)
        return;
    adopt_certificate_files(found, c, key, certificate,
                            arena_printf(a, "%s.issuer.crt", stem));
    if (c->want->names.count == 0)
        adopt_list_add(found, &c->want->names, name);
    if (!adopt_lego_calls_set(found, calls, c))
        adopt_ask_way(found, c);
    adopt_keep_paths(found, c, key, NULL, NULL, certificate);
}

enum err adopt_lego(struct adopt *found, struct err_info *why)
{
    struct arena *a = found->arena;
    const char *folder = file_path(a, found->folder, "certificates");
    const char *const *names = NULL;
    struct adopt_calls calls;
    size_t suffix = strlen(JSON_SUFFIX);
    size_t count = 0;

    if (!file_exists(folder) && !file_exists(file_path(a, found->folder, "accounts")))
        return err_set(why, ERR_NOT_FOUND,
                       "there is no lego in %s: neither certificates nor accounts",
                       found->folder);
    adopt_calls_find(a, "lego", &calls);
    adopt_list_folder(a, folder, &names, &count);
    for (size_t i = 0; i < count; i++) {
        size_t len = strlen(names[i]);
        if (len > suffix && strcmp(names[i] + len - suffix, JSON_SUFFIX) == 0)
            take_certificate(found, &calls,
                             arena_string_of(a, span_make(names[i], len - suffix)));
    }
    take_accounts(found, &calls);
    adopt_calls_remark(found, "lego", &calls);
    return ERR_OK;
}
