/* Signed requests. */
#include "client/request/acme_request.h"

#include <string.h>

#include "client/request/link_header.h"
#include "core/acme/problem.h"
#include "core/base/clock.h"
#include "core/base/interrupt.h"
#include "core/base/text.h"
#include "core/http/http_date.h"

#define JOSE_TYPE "application/jose+json"
#define JSON_TYPE "application/json"
#define SECOND    1000 /* milliseconds */

/* How long to wait before the second, third and fourth attempt, if the CA says nothing. A
 * connection that broke is made anew soon: it costs nobody anything. */
static const int64_t waits_ms[ACME_REQUEST_TRIES - 1] = {SECOND, 2 * SECOND, 4 * SECOND};
static const int64_t waits_broken_ms[ACME_REQUEST_TRIES - 1] = {100, SECOND, 4 * SECOND};

/* ---- Retry-After ---- */

static bool is_number(struct span value)
{
    for (size_t i = 0; i < value.len; i++)
        if (value.data[i] < '0' || value.data[i] > '9')
            return false;
    return value.len > 0;
}

int64_t acme_request_retry_after(const char *text, int64_t now)
{
    struct span value = text_trim(span_of(text));
    uint64_t number = 0;
    int64_t date = 0;

    if (text_number(value, INT32_MAX, &number))
        return (int64_t)number;
    if (is_number(value))
        return INT32_MAX; /* longer than anybody waits, and not nothing */
    if (http_date_read(value, &date) && date > now)
        return date - now < INT32_MAX ? date - now : INT32_MAX;
    return 0;
}

/* ---- a CA that is busy ---- */

static bool is_busy(int status)
{
    return status == 429 || status >= 500;
}

/* What a CA says beside the problem: pages that help (RFC 8555 6.6), and terms that have
 * changed (RFC 8555 7.3.3). */
static void add_link(struct arena *a, const char *url,
                     const struct http_client_response *response, const char *relation,
                     const char *words, struct err_info *why)
{
    const char *urls[LINK_HEADER_URLS_MAX];

    if (link_header_urls(a, url, response->links, response->link_count, relation, urls) >
            0 &&
        strstr(why->detail, urls[0]) == NULL)
        (void)err_set(why, why->code, "%.*s; %s %s", ERR_DETAIL_MAX / 2, why->detail,
                      words, urls[0]);
}

bool acme_request_says_ended(const struct err_info *why)
{
    return why->code == ERR_UNAUTHORIZED && strstr(why->detail, "deactivated") != NULL &&
           strstr(why->detail, "ccount") != NULL;
}

/* The error that belongs to the status of an answer, and how long to wait. */
static enum err check_status(struct arena *a, const char *url,
                             const struct http_client_response *response,
                             struct err_info *why)
{
    if (response->status >= 200 && response->status < 300)
        return ERR_OK;
    if (response->status >= 300 && response->status < 400)
        return err_set(why, ERR_PROTOCOL,
                       "%.200s leads elsewhere (status %d%s%.200s), and redirects are "
                       "not followed",
                       url, response->status, response->location != NULL ? ": " : "",
                       response->location != NULL ? response->location : "");
    if (response->status < 400)
        return err_set(why, ERR_PROTOCOL, "%.200s answered with status %d", url,
                       response->status);
    enum err result = problem_read(a, response->status, response->body, why);
    /* no problem document of ACME's: the status must do */
    if ((result == ERR_PROTOCOL || result == ERR_REFUSED) && is_busy(response->status))
        result = response->status == 429 ? ERR_RATE_LIMITED : ERR_UNAVAILABLE;
    if (result == ERR_SERVER_INTERNAL && response->status == 503)
        result = ERR_UNAVAILABLE;
    why->code = result;
    add_link(a, url, response, "help", "for help see", why);
    if (acme_request_says_ended(why))
        (void)err_set(
            why, result,
            "%.*s; cairn account deactivate --yes puts it aside here, then cairn "
            "account register makes another",
            ERR_DETAIL_MAX / 2, why->detail);
    if (result == ERR_USER_ACTION_REQUIRED)
        add_link(a, url, response, "terms-of-service", "its terms of service are", why);
    why->retry_after_seconds =
        (int)acme_request_retry_after(response->retry_after, clock_now());
    return result;
}

/* May the same request be made again after a wait? */
static bool is_worth_it(enum err result, int status)
{
    return result == ERR_NETWORK || result == ERR_RATE_LIMITED ||
           result == ERR_UNAVAILABLE || result == ERR_SERVER_INTERNAL ||
           (result != ERR_PROTOCOL && result != ERR_OK && is_busy(status));
}

/* Wait before the next attempt, if it is worth it: as long as the CA says, else more each
 * time. Otherwise returns `result`, which `why` tells of. */
static enum err wait_for(const struct acme_peer *peer, enum err result, int attempt,
                         struct err_info *why)
{
    if (attempt >= ACME_REQUEST_TRIES || why->retry_after_seconds > ACME_REQUEST_WAIT_MAX)
        return result;
    int64_t wait_ms = why->retry_after_seconds > 0 ? why->retry_after_seconds * SECOND
                      : result == ERR_NETWORK      ? waits_broken_ms[attempt - 1]
                                                   : waits_ms[attempt - 1];
    if (peer->end_us != 0 && clock_monotonic_us() + wait_ms * 1000 > peer->end_us)
        return result;
    if (wait_ms >= SECOND)
        report_step(peer->report, "wait", "%lld s: %s", (long long)(wait_ms / SECOND),
                    why->detail);
    if (!interrupt_sleep_ms(wait_ms))
        return err_set(why, ERR_INTERRUPTED, "interrupted");
    return ERR_OK;
}

/* One request, within what is left of the peer's time. */
static enum err exchange(struct acme_peer *peer, struct arena *a, const char *method,
                         const char *url, const char *type, struct span body,
                         struct http_client_response *response, struct err_info *why)
{
    int64_t left_ms = peer->end_us != 0 ? (peer->end_us - clock_monotonic_us()) / 1000
                                        : HTTP_CLIENT_TIMEOUT_MS;
    const char *const headers[] = {
        peer->accept != NULL ? arena_printf(a, "Accept: %s", peer->accept) : NULL, NULL};

    if (left_ms <= 0)
        return err_set(why, ERR_TIMEOUT,
                       "the CA has taken longer than it may in all; run it again later");
    const struct http_client_request request = {
        .method = method,
        .url = url,
        .content_type = type,
        .body = body,
        .headers = headers,
        .timeout_ms =
            left_ms < HTTP_CLIENT_TIMEOUT_MS ? left_ms : HTTP_CLIENT_TIMEOUT_MS};
    TRY(http_client_send(peer->http, a, &request, response, why));
    if (strcmp(method, "GET") != 0) /* what a cache may have kept is stale */
        nonce_pool_add(&peer->nonces, response->replay_nonce);
    return ERR_OK;
}

static enum err take_reply(struct arena *a, const char *url,
                           const struct http_client_response *response,
                           struct acme_reply *reply, struct err_info *why)
{
    struct err_info ignored = {0};

    reply->status = response->status;
    reply->location = response->location;
    reply->body = response->body;
    reply->content_type = response->content_type;
    reply->links = response->links;
    reply->link_count = response->link_count;
    reply->retry_after = acme_request_retry_after(response->retry_after, clock_now());
    TRY(check_status(a, url, response, why));
    if (json_read_up_to(a, response->body, ACME_REQUEST_JSON_MAX, &reply->json,
                        &ignored) != ERR_OK)
        reply->json = NULL;
    return ERR_OK;
}

/* ---- directory ---- */

/* GET until the CA is not too busy for it. One that cannot be reached is not waited for:
 * nothing has been begun yet. */
static enum err get_directory(struct acme_peer *peer, const char *url,
                              struct http_client_response *response, struct err_info *why)
{
    for (int attempt = 1;; attempt++) {
        enum err result =
            exchange(peer, peer->arena, "GET", url, NULL, span_of(""), response, why);
        if (result == ERR_OK)
            result = check_status(peer->arena, url, response, why);
        if (result == ERR_NETWORK || !is_worth_it(result, response->status))
            return result;
        TRY(wait_for(peer, result, attempt, why));
    }
}

enum err acme_request_begin(struct acme_peer *peer, struct http_client *http,
                            const struct report *report, struct arena *arena,
                            const char *url, struct err_info *why)
{
    struct http_client_response response = {0};

    acme_request_without_directory(peer, http, report, arena);
    enum err result = get_directory(peer, url, &response, why);
    if (result != ERR_OK && (response.status < 400 || is_busy(response.status)))
        return result;
    if (response.status != 200)
        return err_set(why, ERR_PROTOCOL, "%.200s is no ACME directory (status %d)", url,
                       response.status);
    return acme_directory_read(arena, url, response.body, &peer->directory, why);
}

void acme_request_without_directory(struct acme_peer *peer, struct http_client *http,
                                    const struct report *report, struct arena *arena)
{
    *peer = (struct acme_peer){.http = http, .report = report, .arena = arena};
}

/* ---- requests ---- */

enum err acme_request_plain(struct acme_peer *peer, struct arena *a, const char *url,
                            struct span body, const struct json **answer,
                            struct err_info *why)
{
    for (int attempt = 1;; attempt++) {
        struct http_client_response response = {0};
        TRY(http_client_do(peer->http, a, "POST", url, JSON_TYPE, body, &response, why));
        enum err result = check_status(a, url, &response, why);
        if (result == ERR_OK && json_read(a, response.body, answer, why) != ERR_OK) {
            why->code = ERR_PROTOCOL;
            return err_prefix(why, "%s", url);
        }
        if (result == ERR_OK || !is_busy(response.status))
            return result;
        TRY(wait_for(peer, result, attempt, why));
    }
}

static enum err get_once(struct acme_peer *peer, struct arena *a, const char *url,
                         struct acme_reply *reply, struct err_info *why)
{
    struct http_client_response response = {0};

    TRY(exchange(peer, a, "GET", url, NULL, span_of(""), &response, why));
    return take_reply(a, url, &response, reply, why);
}

enum err acme_request_get(struct acme_peer *peer, struct arena *a, const char *url,
                          struct acme_reply *reply, struct err_info *why)
{
    TRY(acme_directory_check(&peer->directory, url, why));
    for (int attempt = 1;; attempt++) {
        memset(reply, 0, sizeof *reply);
        why->retry_after_seconds = 0;
        enum err result = get_once(peer, a, url, reply, why);
        if (!is_worth_it(result, reply->status))
            return result;
        TRY(wait_for(peer, result, attempt, why));
    }
}

/* A nonce to be used up; the text is the caller's to use until the next request. */
static enum err need_nonce(struct acme_peer *peer, struct arena *a, int *status,
                           const char **nonce, struct err_info *why)
{
    struct http_client_response response = {0};

    *nonce = nonce_pool_take(&peer->nonces);
    if (*nonce != NULL)
        return ERR_OK;
    TRY(exchange(peer, a, "HEAD", peer->directory.new_nonce, NULL, span_of(""), &response,
                 why));
    *status = response.status;
    TRY(check_status(a, peer->directory.new_nonce, &response, why));
    *nonce = nonce_pool_take(&peer->nonces);
    if (*nonce == NULL)
        return err_set(why, ERR_PROTOCOL, "%.200s gave no nonce (status %d)",
                       peer->directory.new_nonce, response.status);
    return ERR_OK;
}

/* One request with one nonce. ERR_BAD_NONCE and others as the CA says. */
static enum err post_once(struct acme_peer *peer, struct arena *a, const char *url,
                          struct span payload, struct acme_reply *reply,
                          struct err_info *why)
{
    struct span jws = span_of("");
    struct http_client_response response = {0};
    const char *nonce = NULL;

    TRY(need_nonce(peer, a, &reply->status, &nonce, why));
    TRY(keeper_sign(peer->keeper, a, peer->key, peer->kid, nonce, url, payload, &jws,
                    why));
    TRY(exchange(peer, a, "POST", url, JOSE_TYPE, jws, &response, why));
    enum err result = take_reply(a, url, &response, reply, why);
    if (result == ERR_BAD_NONCE) { /* that of the error is the one to use: RFC 8555 6.5 */
        nonce_pool_clear(&peer->nonces);
        nonce_pool_add(&peer->nonces, response.replay_nonce);
    }
    return result;
}

enum err acme_request_post(struct acme_peer *peer, struct arena *a, const char *url,
                           struct span payload, struct acme_reply *reply,
                           struct err_info *why)
{
    int nonce_tries = 0;
    int attempt = 1;

    TRY(acme_directory_check(&peer->directory, url, why));
    for (;;) {
        memset(reply, 0, sizeof *reply);
        why->retry_after_seconds = 0;
        enum err result = post_once(peer, a, url, payload, reply, why);
        if (result == ERR_BAD_NONCE && ++nonce_tries < ACME_REQUEST_NONCE_TRIES)
            continue;
        if (!is_worth_it(result, reply->status))
            return result;
        TRY(wait_for(peer, result, attempt++, why));
    }
}

enum err acme_request_fetch(struct acme_peer *peer, struct arena *a, const char *url,
                            const char *accept, struct acme_reply *reply,
                            struct err_info *why)
{
    peer->accept = accept;
    enum err result = acme_request_post(peer, a, url, span_of(""), reply, why);
    peer->accept = NULL;
    return result;
}
