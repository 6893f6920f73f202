/* Where accounts at acme-dns servers are kept. */
#include <string.h>

#include "client/dns/dns_acme_dns.h"
#include "core/base/file.h"
#include "core/base/secret_file.h"
#include "core/dns/dns_name.h"
#include "core/json/json_read.h"
#include "core/json/json_write.h"

#define FOLDER      "acme-dns"
#define ACCOUNT_MAX 4096               /* octets of one */
#define FILE_MAX    JSON_READ_MAX_SIZE /* octets of a file with many */

/* A name that becomes part of requests must be one, and what goes into a header must not
 * end it. */
static bool is_plain(const char *text)
{
    for (const char *p = text; *p != '\0'; p++)
        if (*p <= ' ' || *p > '~')
            return false;
    return text[0] != '\0';
}

static enum err read_object(struct arena *a, const struct json *object,
                            struct dns_acme_dns_account *account, struct err_info *why)
{
    struct dns_acme_dns_account read = {0};
    char name[DNS_NAME_MAX + 1];

    TRY(json_need_text(object, "username", &read.username, why));
    TRY(json_need_text(object, "password", &read.password, why));
    TRY(json_need_text(object, "fulldomain", &read.fulldomain, why));
    TRY(json_need_text(object, "subdomain", &read.subdomain, why));
    if (!dns_name_read(span_of(read.fulldomain), name) || !is_plain(read.username) ||
        !is_plain(read.password) || !is_plain(read.subdomain))
        return err_set(why, ERR_MALFORMED, "is no account of acme-dns");
    read.fulldomain = arena_string(a, name);
    *account = read;
    return ERR_OK;
}

enum err dns_acme_dns_read(struct arena *a, struct span text,
                           struct dns_acme_dns_account *account, struct err_info *why)
{
    const struct json *object = NULL;

    TRY(json_read(a, text, &object, why));
    return read_object(a, object, account, why);
}

/* The one for the domain among many, or the only one. */
static enum err choose(struct arena *a, const struct json *object, const char *domain,
                       struct dns_acme_dns_account *account, struct err_info *why)
{
    if (json_is_string(json_member(object, "username")))
        return read_object(a, object, account, why);
    object = json_member(object, domain);
    if (object == NULL)
        return err_set(why, ERR_CONFIG,
                       "has no account for %s; \"cairn dns register\" makes one if the "
                       "option is left out",
                       domain);
    return read_object(a, object, account, why);
}

static enum err load_given(struct arena *a, const struct settings_dns *dns,
                           const char *domain, struct dns_acme_dns_account *account,
                           struct err_info *why)
{
    const char *option = dns_provider_option(a, dns, "credentials");
    const struct json *object = NULL;
    struct span text;

    TRY(secret_file_read(a, option, dns->credentials, FILE_MAX, &text, why));
    if (json_read(a, text, &object, why) == ERR_OK &&
        choose(a, object, domain, account, why) == ERR_OK)
        return ERR_OK;
    why->code = ERR_CONFIG;
    return err_prefix(why, "%s: %s", option, dns->credentials);
}

static char *folder_of(struct arena *a, const struct settings_dns *dns,
                       const char *directory)
{
    return arena_printf(a, "%s/" FOLDER "/%s", directory, dns->name);
}

static char *path_of(struct arena *a, const struct settings_dns *dns,
                     const char *directory, const char *domain)
{
    return arena_printf(a, "%s/%s.json", folder_of(a, dns, directory), domain);
}

/* One that was registered elsewhere, as the option says another server now, is none. */
static enum err load_kept(struct arena *a, const struct settings_dns *dns,
                          const char *directory, const char *domain,
                          struct dns_acme_dns_account *account, bool *found,
                          struct err_info *why)
{
    const char *path = path_of(a, dns, directory, domain);
    const struct json *object = NULL;
    const char *url = NULL;
    struct span text;

    *found = false;
    if (!file_exists(path))
        return ERR_OK;
    TRY(secret_file_read(a, "acme-dns", path, ACCOUNT_MAX, &text, why));
    if (json_read(a, text, &object, why) != ERR_OK ||
        json_need_text(object, "url", &url, why) != ERR_OK ||
        read_object(a, object, account, why) != ERR_OK) {
        why->code = ERR_CONFIG;
        return err_prefix(why, "%s", path);
    }
    *found = strcmp(url, dns->url) == 0;
    return ERR_OK;
}

enum err dns_acme_dns_load(struct arena *a, const struct settings_dns *dns,
                           const char *directory, const char *domain,
                           struct dns_acme_dns_account *account, bool *found,
                           struct err_info *why)
{
    *found = true;
    return dns->credentials[0] != '\0'
               ? load_given(a, dns, domain, account, why)
               : load_kept(a, dns, directory, domain, account, found, why);
}

enum err dns_acme_dns_keep(struct arena *a, const struct settings_dns *dns,
                           const char *directory, const char *domain,
                           const struct dns_acme_dns_account *account,
                           struct err_info *why)
{
    AUTO(buf) struct buf b = buf_make(ACCOUNT_MAX);
    struct json_writer w = json_writer_make(&b);

    json_write_begin_object(&w, NULL);
    json_write_text(&w, "url", dns->url);
    json_write_text(&w, "username", account->username);
    json_write_text(&w, "password", account->password);
    json_write_text(&w, "fulldomain", account->fulldomain);
    json_write_text(&w, "subdomain", account->subdomain);
    json_write_end_object(&w);
    buf_add_text(&b, "\n");
    if (b.failed)
        return err_set(why, ERR_IO, "an account of acme-dns is too large to be kept");
    char *all = arena_printf(a, "%s/" FOLDER, directory);
    TRY(file_make_directory(all, 0700, why));
    TRY(file_make_directory(folder_of(a, dns, directory), 0700, why));
    TRY(file_sync_directory(directory, why));
    TRY(file_sync_directory(all, why));
    return file_replace(path_of(a, dns, directory, domain), buf_span(&b), 0600, why);
}

void dns_acme_dns_sweep(struct arena *a, const struct settings_dns *dns,
                        const char *directory, const char *domain)
{
    file_sweep(path_of(a, dns, directory, domain));
}
