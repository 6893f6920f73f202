/* http-01 (RFC 8555 8.3): fetch /.well-known/acme-challenge/TOKEN over plain HTTP.
 *
 * Each host is looked up once; of its addresses that may be connected to, the first IPv6
 * one is tried, and one IPv4 address if dialling that failed. */
#include <inttypes.h>
#include <string.h>

#include "core/base/text.h"
#include "core/http/url.h"
#include "server/validate/validate_private.h"

#define REDIRECTS_MAX 10
#define BODY_MAX      1024 /* octets read; a key authorization has some 90 */
#define DIAL_SHARE    2 /* of the time left: what dialling the first address may use up */
#define BODY_SHOWN    64  /* octets of a wrong body in the refusal */
#define URL_SHOWN     200 /* octets of a URL there */
#define USER_AGENT    "cairn-ca/" CAIRN_VERSION " (ACME http-01 validation; RFC 8555 8.3)"

struct http_01 {
    struct url url;
    int redirects;
    const char *led_by;        /* the redirect that led to the URL, for refusals; or "" */
    struct address targets[2]; /* in the order they are tried */
    size_t target_count;
    size_t target; /* being tried */
    char at[ADDRESS_TEXT_SIZE];
};

static void try_target(struct validate_check *c);

/* The port to dial: 80 and 443 stand for the configured ones; others are not allowed. */
static bool dial_port(const struct validator *v, uint16_t port, uint16_t *dial)
{
    if (port == 80 || port == v->options.http_port)
        *dial = v->options.http_port;
    else if (port == 443 || port == v->options.tls_port)
        *dial = v->options.tls_port;
    else
        return false;
    return true;
}

/* A URL in a sentence: its beginning, so that there is room for what comes behind. */
static const char *brief(struct validate_check *c, const struct url *u)
{
    const char *text = url_text(c->arena, u);

    return strlen(text) <= URL_SHOWN ? text
                                     : arena_printf(c->arena, "%.*s...", URL_SHOWN, text);
}

static const char *url_of(struct validate_check *c)
{
    const struct http_01 *s = c->state;

    return brief(c, &s->url);
}

/* The first address of a lookup that may be connected to; `refused` is one that may not.
 */
static bool pick(const struct validator *v, const struct resolver_result *r,
                 struct address *to, const struct address **refused)
{
    for (size_t i = 0; i < r->count; i++) {
        if (validate_may_connect(v, &r->addresses[i])) {
            *to = r->addresses[i];
            return true;
        }
        *refused = &r->addresses[i];
    }
    return false;
}

static void refuse_address(struct validate_check *c, const struct address *a)
{
    const struct http_01 *s = c->state;
    char text[ADDRESS_TEXT_SIZE];

    address_text(a, text);
    bool named = s->url.host_kind == URL_HOST_NAME;
    validate_bad(c, ERR_CONNECTION,
                 "%s%s%s%s is %s: this CA does not connect to such addresses unless "
                 "validation.allow_networks names them",
                 s->led_by, named ? s->url.host : "", named ? " is at " : "", text,
                 address_special_name(a));
}

static void on_looked_up(struct validate_check *c)
{
    struct http_01 *s = c->state;
    const struct resolver_result *v6 = &c->answers[0];
    const struct resolver_result *v4 = &c->answers[1];
    const struct address *refused = NULL;

    s->target_count = 0;
    s->target = 0;
    if (pick(c->validator, v6, &s->targets[s->target_count], &refused))
        s->target_count++;
    if (pick(c->validator, v4, &s->targets[s->target_count], &refused))
        s->target_count++;
    if (s->target_count > 0) {
        try_target(c);
    } else if (refused != NULL) {
        refuse_address(c, refused);
    } else if (v4->rcode == DNS_NXDOMAIN || v6->rcode == DNS_NXDOMAIN) {
        validate_bad(c, ERR_DNS, "%sthere is no name %s in the DNS (NXDOMAIN)", s->led_by,
                     c->host);
    } else if (v4->rcode != DNS_NOERROR) {
        validate_trouble(c, ERR_DNS, "%slooking up the A records of %s failed: %s",
                         s->led_by, c->host, v4->reason);
    } else if (v6->rcode != DNS_NOERROR) {
        validate_trouble(c, ERR_DNS, "%slooking up the AAAA records of %s failed: %s",
                         s->led_by, c->host, v6->reason);
    } else {
        validate_bad(c, ERR_DNS, "%s%s has neither A nor AAAA records", s->led_by,
                     c->host);
    }
}

/* Go to where the URL points. */
static void visit(struct validate_check *c)
{
    struct http_01 *s = c->state;

    if (s->url.host_kind == URL_HOST_NAME) {
        validate_look_up(c, s->url.host, on_looked_up);
        return;
    }
    if (!validate_may_connect(c->validator, &s->url.address)) {
        refuse_address(c, &s->url.address);
        return;
    }
    s->targets[0] = s->url.address;
    s->target_count = 1;
    s->target = 0;
    try_target(c);
}

static void note_fetch(struct validate_check *c, const struct http_fetch_result *r)
{
    const struct http_01 *s = c->state;

    validate_step_begin(c);
    json_write_text(&c->record, "url", url_text(c->arena, &s->url));
    json_write_text(&c->record, "address", s->at);
    if (r->code != ERR_OK) {
        json_write_text(&c->record, "error", r->detail);
    } else {
        json_write_number(&c->record, "status", r->status);
    }
    validate_step_end(c);
}

/* "Redirect / http://HOST.test" without the slash behind the name: a common mistake in a
 * web server's configuration. */
static bool lacks_slash(const struct url *u)
{
    static const char end[] = ".well-known";
    size_t len = strlen(u->host);

    return len >= sizeof end - 1 && strcmp(u->host + len - (sizeof end - 1), end) == 0;
}

static void follow(struct validate_check *c, const struct http_fetch_result *r)
{
    struct http_01 *s = c->state;
    struct err_info why = {0};
    struct url to;
    uint16_t dial;

    if (s->redirects++ == REDIRECTS_MAX) {
        validate_bad(c, ERR_CONNECTION, "%s: more than %d redirects", url_of(c),
                     REDIRECTS_MAX);
        return;
    }
    if (r->location == NULL) {
        validate_bad(c, ERR_UNAUTHORIZED, "%s at %s answered %d without a Location",
                     url_of(c), s->at, r->status);
        return;
    }
    if (url_join(c->arena, &s->url, span_of(r->location), &to, &why) != ERR_OK) {
        validate_bad(c, ERR_CONNECTION, "%s at %s redirects to \"%.200s\": %s", url_of(c),
                     s->at, r->location, why.detail);
        return;
    }
    if (!dial_port(c->validator, to.port, &dial)) {
        validate_bad(c, ERR_CONNECTION,
                     "%s at %s redirects to port %u; only 80 and 443 are followed",
                     url_of(c), s->at, to.port);
        return;
    }
    if (lacks_slash(&to)) {
        validate_bad(c, ERR_CONNECTION,
                     "%s at %s redirects to the host %s: a slash seems to be missing "
                     "behind the name",
                     url_of(c), s->at, to.host);
        return;
    }
    s->led_by = arena_printf(c->arena, "%s at %s redirects to %s: ", url_of(c), s->at,
                             brief(c, &to));
    s->url = to;
    visit(c);
}

/* Trailing white space is of no account (RFC 8555 8.3). */
static bool body_is(const struct http_fetch_result *r, const char *wanted)
{
    size_t len = r->body.len;

    while (len > 0 && strchr(" \t\r\n", r->body.data[len - 1]) != NULL &&
           r->body.data[len - 1] != '\0')
        len--;
    return !r->cut && span_is(span_slice(r->body, 0, len), wanted);
}

static void judge(struct validate_check *c, const struct http_fetch_result *r)
{
    const struct http_01 *s = c->state;

    if (r->status != 200) {
        validate_bad(c, ERR_UNAUTHORIZED, "%s at %s answered %d, not 200%s", url_of(c),
                     s->at, r->status,
                     r->status / 100 == 3
                         ? "; of redirects only 301, 302, 307 and 308 are followed"
                         : "");
        return;
    }
    if (body_is(r, c->key_authorization)) {
        validate_good(c);
        return;
    }
    char shown[BODY_SHOWN + 1];
    size_t len = r->body.len < BODY_SHOWN ? r->body.len : BODY_SHOWN;
    if (len > 0)
        memcpy(shown, r->body.data, len);
    shown[len] = '\0';
    validate_bad(c, ERR_UNAUTHORIZED,
                 "%s at %s answered with the wrong content: \"%s\"%s; expected the key "
                 "authorization of token %s",
                 url_of(c), s->at, shown, r->body.len > len ? "..." : "", c->token);
}

/* CA/Browser Forum Baseline Requirements 3.2.2.4.19: no others. */
static bool is_redirect(int status)
{
    return status == 301 || status == 302 || status == 307 || status == 308;
}

static void on_fetched(void *argument, const struct http_fetch_result *r)
{
    struct validate_check *c = argument;
    struct http_01 *s = c->state;

    c->fetch = NULL;
    note_fetch(c, r);
    if (r->code == ERR_OK && is_redirect(r->status)) {
        follow(c, r);
    } else if (r->code == ERR_OK) {
        judge(c, r);
    } else if (!r->dialled && s->target + 1 < s->target_count) {
        s->target++;
        try_target(c);
    } else {
        validate_trouble(c, r->code, "%s: %s (%s)", url_of(c), r->detail, s->at);
    }
}

static void try_target(struct validate_check *c)
{
    struct http_01 *s = c->state;
    bool last = s->target + 1 == s->target_count;
    int64_t left_ms = validate_time_left_ms(c);
    struct http_fetch_request request = {
        .url = &s->url,
        .to = s->targets[s->target],
        .body_max = BODY_MAX,
        .dial_ms = left_ms / (last ? 1 : DIAL_SHARE),
        .timeout_ms = left_ms,
        .user_agent = USER_AGENT,
    };

    if (!dial_port(c->validator, s->url.port, &request.to.port)) {
        validate_bad(c, ERR_INTERNAL, "port %u is not to be dialled", s->url.port);
        return;
    }
    address_text_with_port(&request.to, s->at);
    c->fetch = http_fetch_start(c->validator->fetcher, &request, on_fetched, c);
}

void http_01_start(struct validate_check *c)
{
    struct http_01 *s = arena_get(c->arena, sizeof *s);
    const char *path = arena_printf(c->arena, "/.well-known/acme-challenge/%s", c->token);
    const char *text = arena_printf(c->arena, "http://%s%s", c->identifier, path);
    struct err_info why = {0};

    s->led_by = "";
    c->state = s;
    /* the front checked them; what it says goes out to the world all the same */
    if (url_parse(c->arena, span_of(text), &s->url, &why) != ERR_OK ||
        s->url.host_kind != URL_HOST_NAME || strcmp(s->url.host, c->identifier) != 0 ||
        s->url.query != NULL || strcmp(s->url.path, path) != 0 || c->token[0] == '\0' ||
        c->key_authorization[0] == '\0') {
        validate_bad(c, ERR_INTERNAL, "the question is malformed");
        return;
    }
    visit(c);
}
