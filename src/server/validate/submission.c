/* Submission to a log (RFC 6962 4.1, 4.2; c2sp.org/static-ct-api has the same): a chain
 * of certificates is posted, a timestamp comes back. Where it connects to is chosen as
 * for a challenge, but who answers is verified by its name. The timestamp's signature is
 * judged by who asked. */
#include "core/base/base64.h"
#include "core/crypto/der_read.h"
#include "core/http/url.h"
#include "server/transparency/log_answer.h"
#include "server/transparency/sct.h"
#include "server/validate/validate_private.h"

#define CHAIN_MAX  12           /* certificates */
#define JSON_MAX   (192 * 1024) /* octets of what is posted */
#define SHOWN      160          /* octets of an answer in the refusal */
#define USER_AGENT "cairn-ca/" CAIRN_VERSION " (Certificate Transparency)"

struct submission {
    struct url url;
    struct span json;
};

static void try_target(struct validate_check *c);

/* {"chain":["...",...]} */
static bool write_json(struct validate_check *c, struct span chain, struct span *json)
{
    AUTO(buf) struct buf b = buf_make(JSON_MAX);
    struct der_reader r = der_read_start(chain, 1);
    size_t count = 0;

    buf_add_text(&b, "{\"chain\":[");
    while (der_read_more(&r) && count < CHAIN_MAX) {
        buf_add_text(&b, count++ > 0 ? ",\"" : "\"");
        base64_add(&b, der_read_element(&r));
        buf_add_text(&b, "\"");
    }
    buf_add_text(&b, "]}");
    *json = arena_span(c->arena, buf_span(&b));
    return der_read_ok(&r) && !der_read_more(&r) && count > 0 && !b.failed;
}

/* A log that is overloaded says so, and is asked again. */
static bool may_pass(int status)
{
    return status == 429 || status / 100 == 5;
}

static void judge(struct validate_check *c, const struct http_fetch_result *r)
{
    const struct submission *s = c->state;
    const char *url = url_text(c->arena, &s->url);
    struct err_info why = {0};
    struct span octets;
    struct sct sct;

    if (r->status != 200) {
        const char *shown = validate_text_shown(c->arena, r->body, SHOWN);
        if (may_pass(r->status))
            validate_trouble(c, ERR_UNAVAILABLE, "%s at %s answered %d: %s", url,
                             c->target.at, r->status, shown);
        else
            validate_bad(c, ERR_UNAUTHORIZED, "%s at %s answered %d: %s", url,
                         c->target.at, r->status, shown);
        return;
    }
    enum err result = r->cut ? err_set(&why, ERR_MALFORMED, "the answer is too long")
                             : log_answer_read(c->arena, r->body, &octets, &why);
    if (result == ERR_OK)
        result = sct_read(octets, &sct, &why);
    if (result == ERR_OK && c->question.submission->is_static &&
        !sct_has_leaf_index(&sct))
        result = err_set(&why, ERR_MALFORMED,
                         "the timestamp of a static log has no leaf_index");
    if (result != ERR_OK) {
        validate_bad(c, ERR_MALFORMED, "%s at %s: %s", url, c->target.at, why.detail);
        return;
    }
    c->answer = octets;
    validate_good(c);
}

static void on_fetched(void *argument, const struct http_fetch_result *r)
{
    struct validate_check *c = argument;
    const struct submission *s = c->state;

    c->fetch = NULL;
    validate_share_leave(c);
    if (r->code == ERR_OK)
        judge(c, r);
    else if (!r->dialled && validate_target_next(c))
        try_target(c);
    else
        validate_trouble(c, r->code, "%s: %s (%s)", url_text(c->arena, &s->url),
                         r->detail, c->target.at);
}

static void dial(struct validate_check *c)
{
    const struct submission *s = c->state;
    const struct http_fetch_request request = {
        .url = &s->url,
        .to = validate_target_address(c),
        .body_max = LOG_ANSWER_MAX,
        .dial_ms = validate_target_dial_ms(c),
        .timeout_ms = validate_time_left_ms(c),
        .user_agent = USER_AGENT,
        .json = s->json,
        .trust = c->question.submission->trust,
    };

    c->fetch = http_fetch_start(c->validator->fetcher, &request, on_fetched, c);
}

static void try_target(struct validate_check *c)
{
    const struct address to = validate_target_address(c);

    validate_share_enter(c, &to, dial);
}

void submission_start(struct validate_check *c)
{
    const struct validate_submission *asked = c->question.submission;
    struct submission *s = arena_get(c->arena, sizeof *s);
    struct err_info why = {0};

    c->state = s;
    if (url_parse(c->arena, span_of(asked->url), &s->url, &why) != ERR_OK ||
        !s->url.https || asked->trust.len == 0) {
        validate_bad(c, ERR_INTERNAL,
                     asked->trust.len == 0
                         ? "there are no root certificates to verify logs by: see "
                           "ct.ca_file"
                         : "the log's URL is malformed");
        return;
    }
    if (!write_json(c, asked->chain, &s->json)) {
        validate_bad(c, ERR_INTERNAL, "the chain of certificates is malformed");
        return;
    }
    if (s->url.host_kind == URL_HOST_NAME)
        validate_target_find_name(c, s->url.host, s->url.port, "", try_target);
    else
        validate_target_find_address(c, &s->url.address, s->url.port, "", try_target);
}
