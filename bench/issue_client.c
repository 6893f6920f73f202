/* One subscriber: an account, and flow after flow over one connection. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/base/clock.h"
#include "core/base/memory.h"
#include "core/jose/jws.h"
#include "issue.h"

#define BODY_MAX      (256 * 1024)
#define NONCE_TRIES   50
#define ERROR_WAIT_MS 20 /* before the next flow after one that failed */

void issue_client_time(struct issue_client *c, enum issue_step step, int64_t begun_us)
{
    struct issue_times *t = &c->times[step];

    if (step != ISSUE_ACCOUNT && !atomic_load(&c->run->measuring))
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

static void count_request(struct issue_client *c)
{
    if (atomic_load(&c->run->measuring))
        c->counts.requests++;
}

static enum err fresh_nonce(struct issue_client *c, struct err_info *why)
{
    struct issue_response r = {0};
    int64_t begun = clock_monotonic_us();

    TRY(issue_http_do(&c->connection, c->arena, "HEAD", path_of(c->run->new_nonce),
                      span_of(""), &r, why));
    count_request(c);
    keep_nonce(c, &r);
    issue_client_time(c, ISSUE_NONCE, begun);
    return c->nonce[0] != '\0' ? ERR_OK
                               : err_set(why, ERR_PROTOCOL, "newNonce gave no nonce");
}

/* Keep the type of a refusal, without its URN prefix. */
static void keep_problem(struct issue_client *c, const struct issue_answer *answer)
{
    const char *type = json_text(json_member(answer->json, "type"));
    const char *colon = type != NULL ? strrchr(type, ':') : NULL;

    if (colon != NULL)
        (void)snprintf(c->problem, sizeof c->problem, "%s", colon + 1);
    else
        (void)snprintf(c->problem, sizeof c->problem, "HTTP %d", answer->http.status);
}

enum err issue_client_post(struct issue_client *c, const char *url, const char *payload,
                           struct issue_answer *answer, struct err_info *why)
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
        count_request(c);
        keep_nonce(c, &answer->http);
        if (json_read(c->arena, answer->http.body, &answer->json, &ignored) != ERR_OK)
            answer->json = NULL;
        if (answer->http.status < 400)
            return ERR_OK;
        keep_problem(c, answer);
        if (strcmp(c->problem, "badNonce") != 0)
            return err_set(why, ERR_REFUSED, "%s answered %d: %.*s", path_of(url),
                           answer->http.status, (int)answer->http.body.len,
                           (const char *)answer->http.body.data);
        if (atomic_load(&c->run->measuring))
            c->counts.bad_nonces++;
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
    struct issue_answer answer;

    TRY(key_generate(KEY_P256, 0, &c->key, why));
    TRY(fresh_nonce(c, why));
    int64_t begun = clock_monotonic_us();
    TRY(issue_client_post(c, c->run->new_account, "{\"termsOfServiceAgreed\":true}",
                          &answer, why));
    issue_client_time(c, ISSUE_ACCOUNT, begun);
    if (answer.http.location == NULL || strlen(answer.http.location) >= sizeof c->kid)
        return err_set(why, ERR_PROTOCOL, "no account URL");
    (void)snprintf(c->kid, sizeof c->kid, "%s", answer.http.location);
    return ERR_OK;
}

static void note_error(struct issue_client *c, enum err result,
                       const struct err_info *why)
{
    issue_counts_error(&c->counts, c->problem[0] != '\0' ? c->problem : err_name(result),
                       why->detail, 1);
}

/* ---- the thread ---- */

static void work(struct issue_client *c)
{
    const struct timespec wait = {.tv_nsec = ERROR_WAIT_MS * 1000000L};
    struct err_info why = {0};
    enum err result;

    arena_reset(c->arena);
    c->problem[0] = '\0';
    if (c->run->options.only_nonces)
        result = fresh_nonce(c, &why);
    else
        result = issue_flow_do(c, &why);
    bool measured = atomic_load(&c->run->measuring);
    if (result == ERR_OK && measured)
        c->counts.certificates++;
    if (result != ERR_OK && measured)
        note_error(c, result, &why);
    if (result != ERR_OK)
        (void)nanosleep(&wait, NULL);
}

void *issue_client_main(void *client)
{
    struct issue_client *c = client;
    struct err_info why = {0};

    c->arena = arena_new();
    enum err result = connect_client(c, &why);
    if (result == ERR_OK)
        result = register_account(c, &why);
    if (result != ERR_OK)
        note_error(c, result, &why);
    (void)pthread_barrier_wait(&c->run->registered);
    while (result == ERR_OK && !atomic_load(&c->run->stopping)) {
        if (c->run->options.certificates > 0 && atomic_fetch_sub(&c->run->left, 1) <= 0)
            break;
        work(c);
    }
    issue_http_close(&c->connection);
    key_free(c->key);
    arena_free(c->arena);
    return NULL;
}
