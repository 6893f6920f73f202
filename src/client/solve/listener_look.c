/* One request, or one handshake. */
#include "client/solve/listener_look.h"

#include <string.h>

#include "core/acme/alpn_proof.h"
#include "core/http/http_fetch.h"
#include "core/net/tls.h"
#include "core/net/tls_probe.h"

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

    if (m->count < 3 || !address_parse_with_port(m->fields[0], 0, &request.to) ||
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

/* ---- handshakes ---- */

struct tls_look {
    struct arena *a;
    struct loop *loop;
    const struct alpn_proof *proof;
    struct err_info *why;
    enum err result;
};

static enum err judge(struct tls_look *k, const struct tls_probe_result *r)
{
    struct alpn_certificate *certificate = NULL;

    if (r->code != ERR_OK)
        return err_set(k->why, r->code, "%s", r->detail);
    if (!span_is(r->protocol, TLS_ALPN_ACME_TLS_1))
        return err_set(k->why, ERR_TLS, "it does not speak acme-tls/1");
    TRY(alpn_certificate_read(k->a, r->certificate, &certificate, k->why));
    return alpn_proof_check(k->proof, certificate, k->why);
}

static void on_shaken(void *argument, const struct tls_probe_result *r)
{
    struct tls_look *k = argument;

    k->result = judge(k, r);
    loop_stop(k->loop);
}

static enum err shake(struct tls_look *k, const struct tls_probe_request *request)
{
    struct tls_prober *prober = NULL;

    TRY(loop_new(&k->loop, k->why));
    enum err made = tls_prober_new(k->loop, TLS_ALPN_ACME_TLS_1, &prober, k->why);
    if (made == ERR_OK) {
        (void)tls_probe_start(prober, request, on_shaken, k);
        loop_run(k->loop);
        tls_prober_free(prober);
    }
    loop_free(k->loop);
    return made == ERR_OK ? k->result : made;
}

enum err listener_look_tls(struct arena *a, const struct wire_message *m,
                           struct wire_message *answer, struct err_info *why)
{
    struct tls_probe_request request = {.dial_ms = DIAL_MS, .timeout_ms = ALL_MS};

    if (m->count != 3 || !address_parse_with_port(m->fields[0], 0, &request.to) ||
        request.to.port == 0)
        return err_set(why, ERR_PROTOCOL, "a call to look is malformed");
    const struct alpn_proof proof =
        alpn_proof_of((const char *)m->fields[1].data, (const char *)m->fields[2].data);
    struct tls_look k = {.a = a, .proof = &proof, .why = why, .result = ERR_INTERNAL};
    request.server_name = alpn_proof_server_name(a, &proof);
    *answer = (struct wire_message){.type = WIRE_ANSWER};
    return shake(&k, &request);
}
