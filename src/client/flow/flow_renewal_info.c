/* Renewal information. */
#include "client/flow/flow_renewal_info.h"

#include <string.h>

#include "client/request/acme_request.h"
#include "core/acme/problem.h"
#include "core/base/clock.h"
#include "core/json/json_read.h"
#include "core/json/json_write.h"

#define USER_AGENT      "cairn/" CAIRN_VERSION
#define EXPLANATION_MAX 1000 /* octets of a URL that is shown */

/* ---- what the CA says ---- */

static enum err need_time(const struct json *window, const char *name, int64_t *seconds,
                          struct err_info *why)
{
    const char *text = json_text(json_member(window, name));

    if (text == NULL || !clock_read(span_of(text), seconds) || *seconds <= 0)
        return err_set(why, ERR_PROTOCOL,
                       "the CA's renewal information has no %s of a window", name);
    return ERR_OK;
}

enum err flow_renewal_info_take(struct arena *a, struct span answer,
                                struct flow_renewal_info *info, struct err_info *why)
{
    const struct json *object = NULL;
    struct flow_renewal_info read = *info;

    if (json_read(a, answer, &object, why) != ERR_OK) {
        why->code = ERR_PROTOCOL;
        return err_prefix(why, "the CA's renewal information");
    }
    const struct json *window = json_member(object, "suggestedWindow");
    TRY(need_time(window, "start", &read.start, why));
    TRY(need_time(window, "end", &read.end, why));
    if (read.end <= read.start) /* RFC 9773 4.2 */
        return err_set(why, ERR_PROTOCOL,
                       "the CA suggests a window that ends before it begins");
    const char *url = json_text(json_member(object, "explanationURL"));
    if (url != NULL && strlen(url) <= EXPLANATION_MAX &&
        (strncmp(url, "https://", 8) == 0 || strncmp(url, "http://", 7) == 0))
        read.explanation = arena_string(a, url);
    *info = read;
    return ERR_OK;
}

static enum err read_answer(struct arena *a, const struct http_client_response *response,
                            struct flow_renewal_info *info, struct err_info *why)
{
    int status = response->status;
    int64_t wait = acme_request_retry_after(response->retry_after, clock_now());

    info->retry_after = wait;
    if (status == 200)
        return flow_renewal_info_take(a, response->body, info, why);
    if (status != 429 && status >= 400 && status < 500)
        return ERR_OK; /* it knows nothing of this certificate */
    if (status < 400) {
        (void)err_set(why, ERR_PROTOCOL,
                      "the CA answered with status %d when it was asked for renewal "
                      "information",
                      status);
    } else {
        (void)!problem_read(a, status, response->body, why);
        why->code = status == 429 ? ERR_RATE_LIMITED : ERR_UNAVAILABLE;
    }
    why->retry_after_seconds = (int)(wait < INT32_MAX ? wait : INT32_MAX);
    return why->code;
}

/* ---- which CA ---- */

void flow_renewal_info_end(struct flow_renewal_asker *asker)
{
    http_client_free(asker->http);
    arena_free(asker->arena);
    *asker = (struct flow_renewal_asker){0};
}

static enum err begin(struct flow_renewal_asker *asker, const char *ca, struct span roots,
                      const struct report *report, struct err_info *why)
{
    struct acme_peer peer;

    asker->arena = arena_new();
    asker->ca = arena_string(asker->arena, ca);
    asker->roots = arena_span(asker->arena, roots);
    TRY(http_client_new(roots, USER_AGENT, &asker->http, why));
    TRY(acme_request_begin(&peer, asker->http, report, asker->arena, ca, why));
    asker->url = peer.directory.renewal_info;
    return ERR_OK;
}

enum err flow_renewal_info_ask(struct flow_renewal_asker *asker, const char *ca,
                               struct span roots, const char *certificate,
                               const struct report *report, struct arena *a,
                               struct flow_renewal_info *info, struct err_info *why)
{
    struct http_client_response response = {0};
    struct flow_renewal_info got = {0};

    if (asker->arena != NULL &&
        (strcmp(asker->ca, ca) != 0 || !span_equal(asker->roots, roots)))
        flow_renewal_info_end(asker);
    if (asker->arena == NULL) {
        enum err result = begin(asker, ca, roots, report, why);
        if (result != ERR_OK) {
            flow_renewal_info_end(asker);
            return result;
        }
    }
    if (asker->url == NULL) {
        *info = got;
        return ERR_OK;
    }
    got.offered = true;
    char *url = arena_printf(a, "%s/%s", asker->url, certificate);
    TRY(http_client_do(asker->http, a, "GET", url, NULL, span_of(""), &response, why));
    TRY(read_answer(a, &response, &got, why));
    *info = got;
    return ERR_OK;
}

/* ---- from process to process ---- */

void flow_renewal_info_write(struct buf *b, const struct flow_renewal_info *info)
{
    struct json_writer w = json_writer_make(b);

    json_write_begin_object(&w, NULL);
    json_write_bool(&w, "offered", info->offered);
    json_write_number(&w, "start", info->start);
    json_write_number(&w, "end", info->end);
    if (info->explanation != NULL)
        json_write_text(&w, "explanation", info->explanation);
    json_write_number(&w, "retry_after", info->retry_after);
    json_write_end_object(&w);
}

enum err flow_renewal_info_read(struct arena *a, struct span text,
                                struct flow_renewal_info *info, struct err_info *why)
{
    const struct json *object = NULL;
    struct flow_renewal_info read = {0};

    if (json_read(a, text, &object, why) != ERR_OK)
        return err_set(why, ERR_PROTOCOL, "a message between processes is malformed");
    read.offered = json_is_true(json_member(object, "offered"));
    read.start = json_whole(json_member(object, "start"));
    read.end = json_whole(json_member(object, "end"));
    read.explanation = json_text(json_member(object, "explanation"));
    read.retry_after = json_whole(json_member(object, "retry_after"));
    if (read.start < 0 || (read.start != 0 && read.end <= read.start) ||
        read.retry_after < 0)
        return err_set(why, ERR_PROTOCOL, "a message between processes is malformed");
    *info = read;
    return ERR_OK;
}
