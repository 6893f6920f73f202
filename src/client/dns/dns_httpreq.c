/* Provider "httpreq": lego's protocol of that name, as acmeproxy and others speak it,
 * too. POST URL/present and URL/cleanup with {"fqdn", "value"}, or with domain, token and
 * key authorization in the mode raw (go-acme.github.io/lego/dns/httpreq). */
#include <string.h>

#include "client/dns/dns_http.h"
#include "core/base/memory.h"
#include "core/base/secret_file.h"
#include "core/base/text.h"
#include "core/json/json_write.h"

#define BODY_MAX 8192 /* octets */

static bool is_raw(const struct settings_dns *dns)
{
    return strcmp(dns->mode, "raw") == 0;
}

/* "USER:PASSWORD", the first line of the file. */
static enum err read_login(struct arena *a, const struct settings_dns *dns,
                           const char **login, struct err_info *why)
{
    const char *option = dns_provider_option(a, dns, "credentials");
    struct span text;

    *login = "";
    if (dns->credentials[0] == '\0')
        return ERR_OK;
    TRY(secret_file_read(a, option, dns->credentials, DNS_HTTP_LOGIN_MAX, &text, why));
    text = text_trim(text);
    if (memchr(text.data, ':', text.len) == NULL ||
        memchr(text.data, '\n', text.len) != NULL ||
        memchr(text.data, '\0', text.len) != NULL)
        return err_set(why, ERR_CONFIG, "%s: %s must hold one line USER:PASSWORD", option,
                       dns->credentials);
    *login = arena_string_of(a, text);
    return ERR_OK;
}

static enum err check(const struct settings_dns *dns, struct err_info *why)
{
    AUTO(arena) struct arena *a = arena_new();
    const char *login = NULL;

    if (dns->mode[0] != '\0' && !is_raw(dns))
        return err_set(why, ERR_CONFIG, "%s: \"%.50s\" is not raw",
                       dns_provider_option(a, dns, "mode"), dns->mode);
    TRY(dns_http_check_url(dns, why));
    TRY(read_login(a, dns, &login, why));
    memory_wipe((void *)(uintptr_t)login, strlen(login));
    return ERR_OK;
}

static void write_body(struct buf *b, const struct settings_dns *dns,
                       const struct dns_task *task)
{
    AUTO(arena) struct arena *a = arena_new();
    struct json_writer w = json_writer_make(b);

    json_write_begin_object(&w, NULL);
    if (is_raw(dns)) {
        json_write_text(&w, "domain", task->domain);
        json_write_text(&w, "token", task->token);
        json_write_text(&w, "keyAuth", task->key_authorization);
    } else {
        json_write_text(&w, "fqdn", arena_printf(a, "%s.", task->owner));
        json_write_text(&w, "value", task->value);
    }
    json_write_end_object(&w);
}

static enum err ask(const struct dns_use *use, const struct dns_task *task,
                    const char *verb, struct err_info *why)
{
    AUTO(buf) struct buf body = buf_make(BODY_MAX);
    struct dns_http_request request = {.url = dns_http_url(use->arena, use->dns, verb),
                                       .headers = ""};
    struct span ignored;

    TRY(read_login(use->arena, use->dns, &request.login, why));
    write_body(&body, use->dns, task);
    if (body.failed)
        return err_set(why, ERR_TOO_LARGE, "the record %s is too large", task->name);
    request.json = buf_span(&body);
    enum err result = dns_http_post(use, &request, &ignored, why);
    memory_wipe((void *)(uintptr_t)request.login, strlen(request.login));
    return result;
}

static enum err add(const struct dns_use *use, struct dns_task *task,
                    struct err_info *why)
{
    return ask(use, task, "present", why);
}

static enum err remove_record(const struct dns_use *use, const struct dns_task *task,
                              struct err_info *why)
{
    enum err result = ask(use, task, "cleanup", why);

    return result == ERR_NOT_FOUND ? ERR_OK : result; /* it is not there any more */
}

const struct dns_provider dns_provider_httpreq = {
    .name = "httpreq", .check = check, .add = add, .remove = remove_record};
