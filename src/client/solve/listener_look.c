/* One request by plain HTTP. */
#include "client/solve/listener_look.h"

#include <string.h>

#include "core/http/http_fetch.h"

#define BODY_MAX   1024
#define DIAL_MS    3000
#define ALL_MS     8000
#define USER_AGENT "cairn/" CAIRN_VERSION " (before a CA looks; RFC 8555 8.3)"

struct look {
    struct arena *a;
    struct loop *loop;
    struct wire_message *answer;
    struct err_info *why;
    enum err result;
};

static void on_done(void *argument, const struct http_fetch_result *r)
{
    struct look *k = argument;

    k->result = ERR_OK;
    if (r->code != ERR_OK)
        k->result = err_set(k->why, ERR_CONNECTION, "%s", r->detail);
    else
        *k->answer = (struct wire_message){
            WIRE_ANSWER,
            {span_of(arena_printf(k->a, "%d", r->status)), arena_span(k->a, r->body),
             span_of(arena_string(k->a, r->location != NULL ? r->location : ""))},
            3};
    loop_stop(k->loop);
}

static enum err fetch(struct look *k, const struct http_fetch_request *request)
{
    struct http_fetcher *fetcher = NULL;

    TRY(loop_new(&k->loop, k->why));
    enum err made = http_fetcher_new(k->loop, &fetcher, k->why);
    if (made == ERR_OK) {
        (void)http_fetch_start(fetcher, request, on_done, k);
        loop_run(k->loop);
        http_fetcher_free(fetcher);
    }
    loop_free(k->loop);
    return made == ERR_OK ? k->result : made;
}

enum err listener_look(struct arena *a, const struct wire_message *m,
                       struct wire_message *answer, struct err_info *why)
{
    struct look k = {.a = a, .answer = answer, .why = why, .result = ERR_INTERNAL};
    struct http_fetch_request request = {.body_max = BODY_MAX,
                                         .dial_ms = DIAL_MS,
                                         .timeout_ms = ALL_MS,
                                         .user_agent = USER_AGENT};
    struct address name;
    struct url url;

    if (m->count != 3 || !address_parse_with_port(m->fields[0], 0, &request.to) ||
        request.to.port == 0)
        return err_set(why, ERR_PROTOCOL, "a call to look is malformed");
    const char *host = arena_string_of(a, m->fields[1]);
    bool is_v6 = address_parse(m->fields[1], &name) && name.family == ADDRESS_V6;
    request.host = is_v6 ? arena_printf(a, "[%s]", host) : host;
    TRY(url_parse(
        a,
        span_of(arena_printf(a, "http://%s%.*s", request.host, (int)m->fields[2].len,
                             (const char *)m->fields[2].data)),
        &url, why));
    request.url = &url;
    return fetch(&k, &request);
}
