/* One subscriber: an account, and flow after flow over one connection. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/acme/key_authorization.h"
#include "core/base/clock.h"
#include "core/base/memory.h"
#include "core/jose/jws.h"
#include "core/json/json_write.h"
#include "core/x509/certificate.h"
#include "core/x509/csr.h"
#include "issue.h"

#define BODY_MAX     (256 * 1024)
#define POLLS_MAX    1000
#define POLL_WAIT_MS 10
#define NONCE_TRIES  50

struct answer {
    struct issue_response http;
    const struct json *json;
};

void issue_client_time(struct issue_client *c, enum issue_step step, int64_t begun_us)
{
    struct issue_times *t = &c->times[step];

    if (!atomic_load(&c->run->measuring))
        return;
    if (t->count == t->room) {
        t->room = t->room > 0 ? t->room * 2 : 1024;
        t->us = memory_resize(t->us, t->room * sizeof *t->us);
    }
    t->us[t->count++] = (uint32_t)(clock_monotonic_us() - begun_us);
}

/* The path of a URL on our server. */
static const char *path_of(const char *url)
{
    const char *p = strncmp(url, "https://", 8) == 0 ? strchr(url + 8, '/') : NULL;

    return p != NULL ? p : "/";
}

static void keep_nonce(struct issue_client *c, const struct issue_response *r)
{
    c->nonce[0] = '\0';
    if (r->nonce != NULL && strlen(r->nonce) < sizeof c->nonce)
        (void)snprintf(c->nonce, sizeof c->nonce, "%s", r->nonce);
}

static enum err fresh_nonce(struct issue_client *c, struct err_info *why)
{
    struct issue_response r = {0};
    int64_t begun = clock_monotonic_us();

    TRY(issue_http_do(&c->connection, c->arena, "HEAD", path_of(c->run->new_nonce),
                      span_of(""), &r, why));
    keep_nonce(c, &r);
    issue_client_time(c, ISSUE_NONCE, begun);
    return c->nonce[0] != '\0' ? ERR_OK
                               : err_set(why, ERR_PROTOCOL, "newNonce gave no nonce");
}

static bool is_bad_nonce(const struct answer *answer)
{
    const char *type = json_text(json_member(answer->json, "type"));

    return type != NULL && strstr(type, "badNonce") != NULL;
}

static enum err post(struct issue_client *c, const char *url, const char *payload,
                     struct answer *answer, struct err_info *why)
{
    AUTO(buf) struct buf b = buf_make(BODY_MAX);
    struct err_info ignored = {0};

    for (int i = 0; i < NONCE_TRIES; i++) {
        if (c->nonce[0] == '\0')
            TRY(fresh_nonce(c, why));
        buf_clear(&b);
        TRY(jws_sign(&b, c->key, c->kid[0] != '\0' ? c->kid : NULL, c->nonce, url,
                     span_of(payload), why));
        c->nonce[0] = '\0';
        memset(answer, 0, sizeof *answer);
        TRY(issue_http_do(&c->connection, c->arena, "POST", path_of(url), buf_span(&b),
                          &answer->http, why));
        keep_nonce(c, &answer->http);
        if (json_read(c->arena, answer->http.body, &answer->json, &ignored) != ERR_OK)
            answer->json = NULL;
        if (answer->http.status < 400)
            return ERR_OK;
        if (!is_bad_nonce(answer))
            return err_set(why, ERR_REFUSED, "%s answered %d: %.*s", path_of(url),
                           answer->http.status, (int)answer->http.body.len,
                           (const char *)answer->http.body.data);
        c->bad_nonces++;
    }
    return err_set(why, ERR_BAD_NONCE, "the CA refuses every nonce");
}

/* ---- directory, account ---- */

static enum err connect_client(struct issue_client *c, struct err_info *why)
{
    const struct issue_run *run = c->run;

    c->connection.tls_context = run->tls_context;
    c->connection.host = run->host;
    c->connection.port = run->port;
    c->connection.fd = -1;
    if (!address_parse_with_port(span_of("127.0.0.1"), run->port, &c->connection.address))
        return err_set(why, ERR_INTERNAL, "127.0.0.1 is no address");
    c->connection.address.port = run->port;
    return ERR_OK;
}

enum err issue_client_directory(struct issue_run *run, struct err_info *why)
{
    AUTO(arena) struct arena *a = arena_new();
    struct issue_client c = {.run = run, .arena = a};
    struct issue_response r = {0};
    const struct json *json = NULL;
    const char *urls[3];
    static const char *const names[] = {"newNonce", "newAccount", "newOrder"};

    TRY(connect_client(&c, why));
    TRY(issue_http_do(&c.connection, a, "GET", run->directory_path, span_of(""), &r,
                      why));
    issue_http_close(&c.connection);
    TRY(json_read(a, r.body, &json, why));
    for (size_t i = 0; i < 3; i++)
        TRY(json_need_text(json, names[i], &urls[i], why));
    run->new_nonce = memory_copy_string(urls[0]);
    run->new_account = memory_copy_string(urls[1]);
    run->new_order = memory_copy_string(urls[2]);
    return ERR_OK;
}

static enum err register_account(struct issue_client *c, struct err_info *why)
{
    struct answer answer;

    TRY(key_generate(KEY_P256, 0, &c->key, why));
    TRY(post(c, c->run->new_account, "{\"termsOfServiceAgreed\":true}", &answer, why));
    if (answer.http.location == NULL || strlen(answer.http.location) >= sizeof c->kid)
        return err_set(why, ERR_PROTOCOL, "no account URL");
    (void)snprintf(c->kid, sizeof c->kid, "%s", answer.http.location);
    return ERR_OK;
}

/* ---- a flow ---- */

static void pause_for(int64_t milliseconds)
{
    const struct timespec wait = {.tv_sec = milliseconds / 1000,
                                  .tv_nsec = (long)(milliseconds % 1000) * 1000000L};

    (void)nanosleep(&wait, NULL);
}

/* Look until the status is none of those that pass; Retry-After is not waited for in
 * full: the server's speed is measured, not its advice. */
static enum err poll_until(struct issue_client *c, const char *url, const char *passing,
                           struct answer *answer, struct err_info *why)
{
    for (int i = 0; i < POLLS_MAX; i++) {
        const char *status = json_text(json_member(answer->json, "status"));
        if (status == NULL)
            return err_set(why, ERR_PROTOCOL, "no status");
        if (strcmp(status, passing) != 0 && strcmp(status, "processing") != 0)
            return ERR_OK;
        pause_for(POLL_WAIT_MS);
        int64_t begun = clock_monotonic_us();
        TRY(post(c, url, "", answer, why));
        issue_client_time(c, ISSUE_POLL, begun);
        c->polls++;
    }
    return err_set(why, ERR_TIMEOUT, "%s does not become anything", path_of(url));
}

static enum err need_status(const struct answer *answer, const char *wanted,
                            struct err_info *why)
{
    const char *status = json_text(json_member(answer->json, "status"));

    if (status != NULL && strcmp(status, wanted) == 0)
        return ERR_OK;
    return err_set(why, ERR_PROTOCOL, "%s instead of %s: %.*s",
                   status != NULL ? status : "nothing", wanted,
                   (int)answer->http.body.len, (const char *)answer->http.body.data);
}

static enum err find_challenge(const struct json *authz, const char **url,
                               const char **token, struct err_info *why)
{
    const struct json *list = json_member(authz, "challenges");

    for (size_t i = 0; i < json_count(list); i++) {
        const struct json *ch = json_element(list, i);
        const char *type = json_text(json_member(ch, "type"));
        if (type == NULL || strcmp(type, "http-01") != 0)
            continue;
        TRY(json_need_text(ch, "url", url, why));
        return json_need_text(ch, "token", token, why);
    }
    return err_set(why, ERR_PROTOCOL, "no http-01 challenge");
}

static enum err prove(struct issue_client *c, const char *authz, struct err_info *why)
{
    uint8_t thumbprint[JWK_THUMBPRINT_SIZE];
    struct answer answer;
    const char *url = NULL;
    const char *token = NULL;
    int64_t begun = clock_monotonic_us();

    TRY(post(c, authz, "", &answer, why));
    issue_client_time(c, ISSUE_AUTHZ, begun);
    TRY(find_challenge(answer.json, &url, &token, why));
    jwk_thumbprint(c->key, thumbprint);
    issue_world_answer(c->run->world, token,
                       key_authorization_text(c->arena, token, thumbprint));
    begun = clock_monotonic_us();
    enum err result = post(c, url, "{}", &answer, why);
    issue_client_time(c, ISSUE_CHALLENGE, begun);
    const char *status = json_text(json_member(answer.json, "status"));
    if (result == ERR_OK && status != NULL && strcmp(status, "valid") != 0) {
        result = post(c, authz, "", &answer, why);
        c->polls++;
        if (result == ERR_OK)
            result = poll_until(c, authz, "pending", &answer, why);
        if (result == ERR_OK)
            result = need_status(&answer, "valid", why);
    }
    issue_world_forget(c->run->world, token);
    return result;
}

static enum err finalize(struct issue_client *c, const char *order, const char *url,
                         const char *name, const struct key *key,
                         const char **certificate, struct err_info *why)
{
    AUTO(buf) struct buf csr = buf_make(BODY_MAX);
    AUTO(buf) struct buf b = buf_make(BODY_MAX);
    struct json_writer w = json_writer_make(&b);
    struct answer answer;

    TRY(csr_make(&csr, key, &name, 1, why));
    json_write_begin_object(&w, NULL);
    json_write_base64url(&w, "csr", buf_span(&csr));
    json_write_end_object(&w);
    const char *payload = arena_string_of(c->arena, buf_span(&b));
    int64_t begun = clock_monotonic_us();
    TRY(post(c, url, payload, &answer, why));
    issue_client_time(c, ISSUE_FINALIZE, begun);
    TRY(poll_until(c, order, "processing", &answer, why));
    TRY(need_status(&answer, "valid", why));
    return json_need_text(answer.json, "certificate", certificate, why);
}

static enum err download(struct issue_client *c, const char *url, const char *name,
                         const struct key *key, struct err_info *why)
{
    struct span ders[CERTIFICATE_CHAIN_MAX];
    struct certificate *certificate = NULL;
    struct answer answer;
    size_t count = 0;
    int64_t begun = clock_monotonic_us();

    TRY(post(c, url, "", &answer, why));
    issue_client_time(c, ISSUE_CERTIFICATE, begun);
    TRY(certificate_from_pem(c->arena, answer.http.body, ders, CERTIFICATE_CHAIN_MAX,
                             &count, why));
    TRY(certificate_read(c->arena, ders[0], &certificate, why));
    if (certificate->dns_name_count != 1 ||
        strcmp(certificate->dns_names[0], name) != 0 ||
        !span_equal(certificate->spki, key_spki(key)))
        return err_set(why, ERR_PROTOCOL, "the certificate is for something else");
    return ERR_OK;
}

static enum err flow(struct issue_client *c, struct err_info *why)
{
    char *name = arena_printf(c->arena, "b%08x-%d-%llu.bench.test", c->run->salt,
                              c->index, (unsigned long long)c->serial++);
    char *payload = arena_printf(
        c->arena, "{\"identifiers\":[{\"type\":\"dns\",\"value\":\"%s\"}]}", name);
    struct answer answer;
    const struct json *list = NULL;
    const char *url = NULL;
    const char *certificate = NULL;
    struct key *key = NULL;
    int64_t flow_begun = clock_monotonic_us();

    TRY(key_generate(KEY_P256, 0, &key, why));
    arena_own(c->arena, key, key_drop);
    int64_t begun = clock_monotonic_us();
    TRY(post(c, c->run->new_order, payload, &answer, why));
    issue_client_time(c, ISSUE_ORDER, begun);
    const char *order = answer.http.location;
    TRY(json_need_array(answer.json, "authorizations", &list, why));
    TRY(json_need_text(answer.json, "finalize", &url, why));
    for (size_t i = 0; i < json_count(list); i++)
        TRY(prove(c, json_text(json_element(list, i)), why));
    TRY(finalize(c, order, url, name, key, &certificate, why));
    TRY(download(c, certificate, name, key, why));
    issue_client_time(c, ISSUE_FLOW, flow_begun);
    return ERR_OK;
}

static void work(struct issue_client *c)
{
    struct err_info why = {0};
    enum err result;

    arena_reset(c->arena);
    if (c->run->options.only_nonces)
        result = fresh_nonce(c, &why);
    else
        result = flow(c, &why);
    if (!atomic_load(&c->run->measuring))
        return;
    if (result == ERR_OK) {
        c->certificates++;
    } else {
        c->errors++;
        (void)snprintf(c->last_error, sizeof c->last_error, "%s", why.detail);
    }
}

void *issue_client_main(void *client)
{
    struct issue_client *c = client;
    struct err_info why = {0};

    c->arena = arena_new();
    c->life = arena_new();
    enum err result = connect_client(c, &why);
    if (result == ERR_OK)
        result = register_account(c, &why);
    if (result != ERR_OK) {
        c->errors++;
        (void)snprintf(c->last_error, sizeof c->last_error, "%s", why.detail);
        return NULL;
    }
    while (!atomic_load(&c->run->stopping)) {
        if (c->run->options.certificates > 0 && atomic_fetch_sub(&c->run->left, 1) <= 0)
            break;
        work(c);
    }
    issue_http_close(&c->connection);
    key_free(c->key);
    arena_free(c->arena);
    arena_free(c->life);
    return NULL;
}
