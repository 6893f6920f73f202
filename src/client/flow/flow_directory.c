/* Asking for a directory. */
#include "client/flow/flow_directory.h"

#include "client/request/acme_directory.h"
#include "core/base/buf.h"
#include "core/base/text.h"
#include "core/http/http_client.h"
#include "core/http/http_date.h"

#define USER_AGENT   "cairn/" CAIRN_VERSION
#define PROFILES_MAX (64 * 1024) /* octets */
#define TIMEOUT_MS   20000

enum { DATE, TERMS, IDENTITY, EXTERNAL, PROFILES, FIELDS };

static enum err fetch(struct arena *a, const char *url, struct span roots,
                      struct http_client_response *response, struct err_info *why)
{
    struct http_client *http = NULL;
    const struct http_client_request request = {
        .method = "GET", .url = url, .timeout_ms = TIMEOUT_MS};

    TRY(http_client_new(roots, USER_AGENT, &http, why));
    enum err result = http_client_send(http, a, &request, response, why);
    http_client_free(http);
    return result;
}

static char *one_line(struct arena *a, const char *text)
{
    char *line = arena_string(a, text);

    text_make_printable(line);
    return line;
}

enum err flow_directory_serve(struct arena *a, const struct wire_message *m,
                              struct wire_message *answer, struct err_info *why)
{
    AUTO(buf) struct buf profiles = buf_make(PROFILES_MAX);
    struct http_client_response response = {0};
    struct acme_directory d = {0};
    int64_t date = 0;

    if (m->count != 2)
        return err_set(why, ERR_PROTOCOL, "a call for a directory is malformed");
    const char *url = (const char *)m->fields[0].data;
    TRY(fetch(a, url, m->fields[1], &response, why));
    if (response.status != 200)
        return err_set(why, ERR_UNAVAILABLE, "%s answers with status %d", url,
                       response.status);
    TRY(acme_directory_read(a, url, response.body, &d, why));
    if (response.date != NULL)
        (void)http_date_read(span_of(response.date), &date);
    for (size_t i = 0; i < d.profile_count; i++)
        buf_printf(&profiles, "%s%s\t%s", i > 0 ? "\n" : "", one_line(a, d.profiles[i]),
                   one_line(a, d.about[i]));
    answer->fields[DATE] = span_of(arena_printf(a, "%lld", (long long)date));
    answer->fields[TERMS] = span_of(d.terms);
    answer->fields[IDENTITY] = span_of(d.caa_identity);
    answer->fields[EXTERNAL] = span_of(d.needs_external ? "external" : "");
    answer->fields[PROFILES] = arena_span(a, buf_span(&profiles));
    answer->count = FIELDS;
    return ERR_OK;
}

static const char *text_of(const struct wire_message *m, size_t i)
{
    return m->fields[i].len > 0 ? (const char *)m->fields[i].data : "";
}

enum err flow_directory_ask(int fd, struct arena *a, const char *ca, struct span roots,
                            struct flow_directory *d, struct err_info *why)
{
    const struct wire_message m = {WIRE_DIRECTORY, {span_of(ca), roots}, 2};
    struct wire_message back;
    uint64_t date = 0;

    TRY(wire_send(fd, &m, why));
    TRY(wire_receive(a, fd, &back, NULL, why));
    if (back.type != WIRE_ANSWER)
        return wire_failure(&back, why);
    if (back.count != FIELDS || !text_number(back.fields[DATE], INT64_MAX, &date))
        return err_set(why, ERR_PROTOCOL, "an answer about a directory is malformed");
    *d = (struct flow_directory){.date = (int64_t)date,
                                 .terms = text_of(&back, TERMS),
                                 .caa_identity = text_of(&back, IDENTITY),
                                 .needs_external = back.fields[EXTERNAL].len > 0,
                                 .profiles = text_of(&back, PROFILES)};
    return ERR_OK;
}
