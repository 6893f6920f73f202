/* Requests by HTTP, from both ends of the line. */
#include "client/dns/dns_http.h"

#include <string.h>

#include "core/base/file.h"
#include "core/base/text.h"
#include "core/http/http_client.h"
#include "core/http/url.h"

#define ROOTS_MAX   (2 * 1024 * 1024) /* octets of a CA file */
#define HEADERS_MAX 8
#define SHOWN_MAX   160 /* octets of a service's answer in a sentence */

enum { URL, JSON, HEADERS, LOGIN, ROOTS, FIELDS };

/* ---- the process with the files ---- */

/* Where the host and port of a URL end. */
static int host_end(const char *url)
{
    const char *host = strstr(url, "://");

    return host == NULL ? (int)strlen(url)
                        : (int)(host - url + 3 + (long)strcspn(host + 3, "/?#"));
}

enum err dns_http_check_url(const struct settings_dns *dns, struct err_info *why)
{
    AUTO(arena) struct arena *a = arena_new();
    const char *option = dns_provider_option(a, dns, "url");
    struct url parsed;

    if (dns->url[0] == '\0')
        return err_set(why, ERR_CONFIG, "%s: %s needs the URL of the service", option,
                       dns->provider);
    if (url_parse(a, span_of(dns->url), &parsed, why) != ERR_OK) {
        why->code = ERR_CONFIG;
        return err_prefix(why, "%s", option);
    }
    if (parsed.query != NULL || strchr(dns->url, '#') != NULL)
        return err_set(why, ERR_CONFIG, "%s: the URL of a service has no query", option);
    return ERR_OK;
}

const char *dns_http_url(struct arena *a, const struct settings_dns *dns,
                         const char *part)
{
    size_t len = strlen(dns->url);

    while (len > 0 && dns->url[len - 1] == '/')
        len--;
    return arena_printf(a, "%.*s/%s", (int)len, dns->url, part);
}

static enum err read_roots(const struct dns_use *use, struct span *roots,
                           struct err_info *why)
{
    *roots = span_of("");
    if (use->dns->ca_file[0] == '\0')
        return ERR_OK;
    if (file_read(use->arena, use->dns->ca_file, ROOTS_MAX, roots, why) == ERR_OK)
        return ERR_OK;
    why->code = ERR_CONFIG;
    return err_prefix(why, "%s", dns_provider_option(use->arena, use->dns, "ca_file"));
}

static enum err judge(struct arena *a, const char *url, const struct wire_message *answer,
                      struct err_info *why)
{
    uint64_t status = 0;

    if (answer->count != 2 || !text_number(answer->fields[0], 999, &status))
        return err_set(why, ERR_PROTOCOL, "the DNS process gave no answer");
    if (status >= 200 && status < 300)
        return ERR_OK;
    struct span shown = text_trim(answer->fields[1]);
    char *text = arena_string_of(
        a, span_slice(shown, 0, shown.len < SHOWN_MAX ? shown.len : SHOWN_MAX));
    text_make_printable(text);
    enum err code = status == 404 || status == 410   ? ERR_NOT_FOUND
                    : status == 401 || status == 403 ? ERR_UNAUTHORIZED
                    : status >= 400 && status < 500  ? ERR_REFUSED
                                                     : ERR_UNAVAILABLE;
    return err_set(why, code, "%.*s answers with status %u%s%s", host_end(url), url,
                   (unsigned int)status, text[0] != '\0' ? ": " : "", text);
}

enum err dns_http_post(const struct dns_use *use, const struct dns_http_request *request,
                       struct span *body, struct err_info *why)
{
    struct wire_message m = {WIRE_DNS_HTTP,
                             {span_of(request->url), request->json,
                              span_of(request->headers), span_of(request->login)},
                             FIELDS};
    struct wire_message answer;

    TRY(read_roots(use, &m.fields[ROOTS], why));
    TRY(dns_line_call(use->worker, use->arena, &m, &answer, use->cleaning, why));
    TRY(judge(use->arena, request->url, &answer, why));
    *body = answer.fields[1];
    return ERR_OK;
}

/* ---- the process with the network ---- */

static const char *const *split(struct arena *a, struct span lines)
{
    const char **list = arena_array(a, HEADERS_MAX + 1, sizeof *list);
    char *rest = arena_string_of(a, lines);
    size_t count = 0;

    for (char *line = strsep(&rest, "\n"); line != NULL && count < HEADERS_MAX;
         line = strsep(&rest, "\n"))
        if (line[0] != '\0')
            list[count++] = line;
    return list;
}

enum err dns_http_run(struct arena *a, const struct wire_message *m,
                      struct wire_message *answer, struct err_info *why)
{
    struct http_client *client = NULL;
    struct http_client_response response = {0};

    if (m->count != FIELDS)
        return err_set(why, ERR_PROTOCOL, "a call to the DNS process is malformed");
    const struct http_client_request request = {
        .method = "POST",
        .url = (const char *)m->fields[URL].data,
        .content_type = "application/json",
        .body = m->fields[JSON],
        .headers = split(a, m->fields[HEADERS]),
        .login = m->fields[LOGIN].len > 0 ? (const char *)m->fields[LOGIN].data : NULL,
        .allows_http = true,
        .timeout_ms = DNS_HTTP_TIMEOUT_MS};
    TRY(http_client_new(m->fields[ROOTS], "cairn", &client, why));
    enum err result = http_client_send(client, a, &request, &response, why);
    http_client_free(client);
    TRY(result);
    answer->fields[0] = span_of(arena_printf(a, "%d", response.status));
    answer->fields[1] = response.body;
    answer->count = 2;
    return ERR_OK;
}
