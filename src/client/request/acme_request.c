/* Signed requests. */
#include "client/request/acme_request.h"

#include <stdio.h>
#include <string.h>

#include "core/acme/problem.h"
#include "core/base/clock.h"
#include "core/base/interrupt.h"
#include "core/base/text.h"

#define JOSE_TYPE    "application/jose+json"
#define JSON_TYPE    "application/json"
#define NONCE_MAX    1024 /* octets of a nonce */
#define WAIT_FIRST_S 1

/* ---- Retry-After ---- */

static bool read_date(const char *text, int64_t *seconds)
{
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    struct clock_civil c = {0};
    char month[4] = "";

    if (sscanf(text, "%*3s, %2d %3s %4d %2d:%2d:%2d GMT", &c.day, month, &c.year, &c.hour,
               &c.minute, &c.second) != 6)
        return false;
    const char *at = strstr(months, month);
    if (at == NULL || strlen(month) != 3 || (at - months) % 3 != 0)
        return false;
    c.month = (int)((at - months) / 3) + 1;
    return clock_from_civil(c, seconds);
}

int64_t acme_request_retry_after(const char *text, int64_t now)
{
    uint64_t number = 0;
    int64_t date = 0;

    if (text == NULL)
        return 0;
    if (text_number(span_of(text), INT32_MAX, &number))
        return (int64_t)number;
    if (read_date(text, &date) && date > now)
        return date - now;
    return 0;
}

/* ---- a CA that is busy ---- */

static bool is_busy(int status)
{
    return status == 429 || status >= 500;
}

/* The error that belongs to the status of an answer, and how long to wait. */
static enum err check_status(struct arena *a, const char *url,
                             const struct http_client_response *response,
                             struct err_info *why)
{
    if (response->status >= 200 && response->status < 300)
        return ERR_OK;
    if (response->status < 400)
        return err_set(why, ERR_PROTOCOL, "%s answered with status %d", url,
                       response->status);
    enum err result = problem_read(a, response->status, response->body, why);
    /* no problem document of ACME's: the status must do */
    if ((result == ERR_PROTOCOL || result == ERR_REFUSED) && is_busy(response->status))
        why->code = result = response->status == 429 ? ERR_RATE_LIMITED : ERR_UNAVAILABLE;
    why->retry_after_seconds =
        (int)acme_request_retry_after(response->retry_after, clock_now());
    return result;
}

/* Wait before the next attempt, if it is worth it: as long as the CA says, else more each
 * time. Otherwise returns `result`, which `why` tells of. */
static enum err wait_for(const struct acme_peer *peer, enum err result, int attempt,
                         struct err_info *why)
{
    int64_t seconds = why->retry_after_seconds > 0 ? why->retry_after_seconds
                                                   : WAIT_FIRST_S << (attempt - 1);

    if (attempt >= ACME_REQUEST_TRIES || seconds > ACME_REQUEST_WAIT_MAX)
        return result;
    report_step(peer->report, "wait", "%lld s: %s", (long long)seconds, why->detail);
    if (!interrupt_sleep_ms(seconds * 1000))
        return err_set(why, ERR_INTERRUPTED, "interrupted");
    return ERR_OK;
}

/* ---- directory ---- */

static enum err need_url(struct acme_peer *peer, const struct json *object,
                         const char *name, const char **url, struct err_info *why)
{
    const char *text = NULL;

    if (json_need_text(object, name, &text, why) != ERR_OK ||
        strncmp(text, "https://", 8) != 0)
        return err_set(why, ERR_PROTOCOL, "%s is no ACME directory: it has no %s",
                       peer->url, name);
    *url = arena_string(peer->arena, text);
    return ERR_OK;
}

static enum err read_meta(struct acme_peer *peer, const struct json *directory,
                          struct err_info *why)
{
    const struct json *meta = json_member(directory, "meta");
    const char *terms = NULL;
    const char *attestation = NULL;

    if (meta == NULL)
        return ERR_OK;
    TRY(json_take_text(meta, "termsOfService", &terms, why));
    if (terms != NULL)
        peer->terms = arena_string(peer->arena, terms);
    TRY(json_take_text(meta, "attestationEnrollment", &attestation, why));
    if (attestation != NULL && strncmp(attestation, "https://", 8) == 0)
        peer->attestation_ca = arena_string(peer->arena, attestation);
    const char *identity = json_text(json_element(json_member(meta, "caaIdentities"), 0));
    if (identity != NULL)
        peer->caa_identity = arena_string(peer->arena, identity);
    return json_take_bool(meta, "externalAccountRequired", false, &peer->needs_external,
                          why);
}

/* GET until the CA is not too busy for it. One that cannot be reached is not waited for:
 * nothing has been begun yet. */
static enum err get_directory(struct acme_peer *peer,
                              struct http_client_response *response, struct err_info *why)
{
    for (int attempt = 1;; attempt++) {
        enum err result = http_client_do(peer->http, peer->arena, "GET", peer->url, NULL,
                                         span_of(""), response, why);
        if (result == ERR_OK)
            result = check_status(peer->arena, peer->url, response, why);
        if (result == ERR_OK || !is_busy(response->status))
            return result;
        TRY(wait_for(peer, result, attempt, why));
    }
}

enum err acme_request_begin(struct acme_peer *peer, struct http_client *http,
                            const struct report *report, struct arena *arena,
                            const char *url, struct err_info *why)
{
    struct http_client_response response = {0};
    const struct json *directory = NULL;

    memset(peer, 0, sizeof *peer);
    peer->http = http;
    peer->report = report;
    peer->arena = arena;
    peer->url = arena_string(arena, url);
    enum err result = get_directory(peer, &response, why);
    if (result != ERR_OK && (response.status < 400 || is_busy(response.status)))
        return result;
    if (response.status != 200 ||
        json_read(arena, response.body, &directory, why) != ERR_OK)
        return err_set(why, ERR_PROTOCOL, "%s is no ACME directory (status %d)", url,
                       response.status);
    TRY(need_url(peer, directory, "newNonce", &peer->new_nonce, why));
    TRY(need_url(peer, directory, "newAccount", &peer->new_account, why));
    TRY(need_url(peer, directory, "newOrder", &peer->new_order, why));
    const char *info = json_text(json_member(directory, "renewalInfo"));
    if (info != NULL && strncmp(info, "https://", 8) == 0)
        peer->renewal_info = arena_string(arena, info);
    return read_meta(peer, directory, why);
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

static void keep_nonce(struct acme_peer *peer, const char *nonce)
{
    /* RFC 8555 6.5.1: what is not base64url must be ignored */
    if (nonce != NULL && nonce[0] != '\0' && strlen(nonce) <= NONCE_MAX &&
        strspn(nonce, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                      "-_") == strlen(nonce))
        peer->nonce = arena_string(peer->arena, nonce);
}

static enum err need_nonce(struct acme_peer *peer, struct arena *a, int *status,
                           struct err_info *why)
{
    struct http_client_response response;

    if (peer->nonce != NULL)
        return ERR_OK;
    TRY(http_client_do(peer->http, a, "HEAD", peer->new_nonce, NULL, span_of(""),
                       &response, why));
    keep_nonce(peer, response.replay_nonce);
    *status = response.status;
    TRY(check_status(a, peer->new_nonce, &response, why));
    if (peer->nonce == NULL)
        return err_set(why, ERR_PROTOCOL, "%s gave no nonce (status %d)", peer->new_nonce,
                       response.status);
    return ERR_OK;
}

/* One request with one nonce. ERR_BAD_NONCE and others as the CA says. */
static enum err post_once(struct acme_peer *peer, struct arena *a, const char *url,
                          struct span payload, struct acme_reply *reply,
                          struct err_info *why)
{
    struct span jws = span_of("");
    struct http_client_response response;
    struct err_info ignored = {0};

    TRY(need_nonce(peer, a, &reply->status, why));
    const char *nonce = peer->nonce;
    peer->nonce = NULL;
    TRY(keeper_sign(peer->keeper, a, peer->kid, nonce, url, payload, &jws, why));
    TRY(http_client_do(peer->http, a, "POST", url, JOSE_TYPE, jws, &response, why));
    keep_nonce(peer, response.replay_nonce);
    reply->status = response.status;
    reply->location = response.location;
    reply->body = response.body;
    reply->retry_after = acme_request_retry_after(response.retry_after, clock_now());
    TRY(check_status(a, url, &response, why));
    if (json_read(a, response.body, &reply->json, &ignored) != ERR_OK)
        reply->json = NULL;
    return ERR_OK;
}

enum err acme_request_post(struct acme_peer *peer, struct arena *a, const char *url,
                           struct span payload, struct acme_reply *reply,
                           struct err_info *why)
{
    int nonce_tries = 0;
    int attempt = 1;

    for (;;) {
        memset(reply, 0, sizeof *reply);
        why->retry_after_seconds = 0;
        enum err result = post_once(peer, a, url, payload, reply, why);
        if (result == ERR_BAD_NONCE && ++nonce_tries < ACME_REQUEST_NONCE_TRIES)
            continue;
        if (result == ERR_OK || (result != ERR_NETWORK && !is_busy(reply->status)))
            return result;
        TRY(wait_for(peer, result, attempt++, why));
    }
}
