/* Provider "acme-dns" (github.com/joohoi/acme-dns): POST URL/update sets one of the two
 * TXT records of the account's name; it has nothing to remove them with. Without
 * `credentials`, an account is registered at first use, and the user is told the alias to
 * add. */
#include "client/dns/dns_acme_dns.h"

#include <string.h>
#include <unistd.h>

#include "client/dns/dns_http.h"
#include "core/base/secret_file.h"
#include "core/base/text.h"
#include "core/json/json_write.h"

#define BODY_MAX 1024 /* octets */

static enum err check(const struct settings_dns *dns, struct err_info *why)
{
    AUTO(arena) struct arena *a = arena_new();
    int fd = -1;

    TRY(dns_http_check_url(dns, why));
    if (dns->credentials[0] == '\0')
        return ERR_OK;
    TRY(secret_file_open(dns_provider_option(a, dns, "credentials"), dns->credentials,
                         &fd, why));
    (void)close(fd);
    return ERR_OK;
}

enum err dns_acme_dns_need(const struct dns_use *use, const char *domain,
                           struct dns_acme_dns_account *account, bool *is_new,
                           struct err_info *why)
{
    const struct dns_http_request request = {
        .url = dns_http_url(use->arena, use->dns, "register"),
        .json = span_of("{}"),
        .headers = "",
        .login = ""};
    struct span body;
    bool found = false;

    TRY(dns_acme_dns_load(use->arena, use->dns, use->directory, domain, account, &found,
                          why));
    *is_new = !found;
    if (found)
        return ERR_OK;
    TRY(dns_http_post(use, &request, &body, why));
    if (dns_acme_dns_read(use->arena, body, account, why) != ERR_OK)
        return err_prefix(why, "%s", request.url);
    TRY(dns_acme_dns_keep(use->arena, use->dns, use->directory, domain, account, why));
    report_step(use->report, "register", "%s at %s, for %s", account->fulldomain,
                use->dns->url, domain);
    return ERR_OK;
}

/* Does the alias lead to the account's name? */
static enum err check_alias(const struct dns_task *task,
                            const struct dns_acme_dns_account *account,
                            struct err_info *why)
{
    if (task->zone[0] == '\0' || /* nobody could be asked */
        text_equal_ignoring_case(span_of(task->owner), span_of(account->fulldomain)))
        return ERR_OK;
    if (strcmp(task->owner, task->name) != 0)
        return err_set(why, ERR_DNS,
                       "%s is an alias of %s, not of the account's name; its record must "
                       "be: %s. CNAME %s.",
                       task->name, task->owner, task->name, account->fulldomain);
    return err_set(why, ERR_DNS,
                   "%s is no alias yet; add the record: %s. CNAME %s. and try again",
                   task->name, task->name, account->fulldomain);
}

static enum err add(const struct dns_use *use, struct dns_task *task,
                    struct err_info *why)
{
    AUTO(buf) struct buf body = buf_make(BODY_MAX);
    struct json_writer w = json_writer_make(&body);
    struct dns_acme_dns_account account = {0};
    bool is_new = false;
    struct span ignored;

    TRY(dns_acme_dns_need(use, task->domain, &account, &is_new, why));
    TRY(check_alias(task, &account, why));
    json_write_begin_object(&w, NULL);
    json_write_text(&w, "subdomain", account.subdomain);
    json_write_text(&w, "txt", task->value);
    json_write_end_object(&w);
    const struct dns_http_request request = {
        .url = dns_http_url(use->arena, use->dns, "update"),
        .json = buf_span(&body),
        .headers = arena_printf(use->arena, "X-Api-User: %s\nX-Api-Key: %s",
                                account.username, account.password),
        .login = ""};
    return dns_http_post(use, &request, &ignored, why);
}

/* The server keeps the two newest values, and none can be taken away. */
static enum err remove_record(const struct dns_use *use, const struct dns_task *task,
                              struct err_info *why)
{
    (void)use;
    (void)task;
    (void)why;
    return ERR_OK;
}

static void sweep(const struct dns_use *use, const struct dns_task *task)
{
    dns_acme_dns_sweep(use->arena, use->dns, use->directory, task->domain);
}

const struct dns_provider dns_provider_acme_dns = {.name = "acme-dns",
                                                   .keeps = true,
                                                   .check = check,
                                                   .add = add,
                                                   .remove = remove_record,
                                                   .sweep = sweep};
