/* http-01 (RFC 8555 8.3): fetch /.well-known/acme-challenge/TOKEN over plain HTTP.
 * Where it connects to is in validate_target.c. */
#include <inttypes.h>
#include <string.h>

#include "core/base/secret.h"
#include "core/base/text.h"
#include "core/http/url.h"
#include "server/validate/validate_private.h"

#define REDIRECTS_MAX 10
#define BODY_MAX      1024 /* octets read; a key authorization has some 90 */
#define BODY_SHOWN    64   /* octets of a wrong body in the refusal */
#define URL_SHOWN     200  /* octets of a URL there */
#define PROOF_SHOWN   150  /* octets of what was expected; it has some 66 */
#define USER_AGENT    "cairn-ca/" CAIRN_VERSION " (ACME http-01 validation; RFC 8555 8.3)"

struct http_01 {
    struct url url;
    int redirects;
    const char *host_header; /* of the next request; NULL: as the URL has it */
    const char *led_to;      /* the redirect that led to the URL; NULL: none did */
};

static void try_target(struct validate_check *c);

/* The port to dial: 80 and 443 stand for the configured ones; others are not allowed. */
static bool dial_port(const struct validate_check *c, uint16_t port, uint16_t *dial)
{
    if (port == 80 || port == c->place->view.http_port)
        *dial = c->place->view.http_port;
    else if (port == 443 || port == c->place->view.tls_port)
        *dial = c->place->view.tls_port;
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

/* Who answered, for refusals: also why that was asked, if it is another than one expects.
 */
static const char *answerer(struct validate_check *c)
{
    const struct http_01 *s = c->state;

    return s->led_to == NULL
               ? arena_printf(c->arena, "%s at %s", url_of(c), c->target.at)
               : arena_printf(c->arena, "%s, which at %s", s->led_to, c->target.at);
}

/* Go to where the URL points. */
static void visit(struct validate_check *c)
{
    const struct http_01 *s = c->state;
    const char *led_by =
        s->led_to != NULL ? arena_printf(c->arena, "%s: ", s->led_to) : "";
    uint16_t port;

    if (!dial_port(c, s->url.port, &port))
        validate_bad(c, ERR_INTERNAL, "port %u is not to be dialled", s->url.port);
    else if (s->url.host_kind == URL_HOST_NAME)
        validate_target_find_name(c, s->url.host, port, led_by, try_target);
    else
        validate_target_find_address(c, &s->url.address, port, led_by, try_target);
}

static void note_fetch(struct validate_check *c, const struct http_fetch_result *r)
{
    const struct http_01 *s = c->state;

    validate_step_begin(c);
    json_write_text(&c->record, "url", url_text(c->arena, &s->url));
    json_write_text(&c->record, "address", c->target.at);
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
        validate_bad(c, ERR_CONNECTION,
                     "%s at %s redirects again: more than %d redirects", url_of(c),
                     c->target.at, REDIRECTS_MAX);
        return;
    }
    if (r->location == NULL) {
        validate_bad(c, ERR_UNAUTHORIZED,
                     "%s answered %d without a Location; expected one, or 200",
                     answerer(c), r->status);
        return;
    }
    if (url_join(c->arena, &s->url, span_of(r->location), &to, &why) != ERR_OK) {
        validate_bad(c, ERR_CONNECTION, "%s at %s redirects to \"%.200s\": %s", url_of(c),
                     c->target.at, r->location, why.detail);
        return;
    }
    if (!dial_port(c, to.port, &dial)) {
        validate_bad(c, ERR_CONNECTION,
                     "%s at %s redirects to port %u; only 80 and 443 are followed",
                     url_of(c), c->target.at, to.port);
        return;
    }
    if (lacks_slash(&to)) {
        validate_bad(c, ERR_CONNECTION,
                     "%s at %s redirects to the host %s: a slash seems to be missing "
                     "behind the name",
                     url_of(c), c->target.at, to.host);
        return;
    }
    s->led_to = arena_printf(c->arena, "%s at %s redirects to %s", url_of(c),
                             c->target.at, brief(c, &to));
    s->url = to;
    s->host_header = NULL;
    visit(c);
}

/* Trailing white space is of no account (RFC 8555 8.3). */
static bool body_is(const struct http_fetch_result *r, const char *wanted)
{
    size_t len = r->body.len;

    while (len > 0 && strchr(" \t\r\n", r->body.data[len - 1]) != NULL &&
           r->body.data[len - 1] != '\0')
        len--;
    return !r->cut && secret_equal(span_slice(r->body, 0, len), span_of(wanted));
}

static void judge(struct validate_check *c, const struct http_fetch_result *r)
{
    if (r->status != 200) {
        validate_bad(c, ERR_UNAUTHORIZED, "%s answered %d, not 200%s", answerer(c),
                     r->status,
                     r->status / 100 == 3
                         ? "; of redirects only 301, 302, 307 and 308 are followed"
                         : "");
        return;
    }
    if (body_is(r, c->question.key_authorization)) {
        validate_good(c);
        return;
    }
    char shown[BODY_SHOWN + 1];
    size_t len = r->body.len < BODY_SHOWN ? r->body.len : BODY_SHOWN;
    if (len > 0)
        memcpy(shown, r->body.data, len);
    shown[len] = '\0';
    validate_bad(c, ERR_UNAUTHORIZED,
                 "%s answered with the wrong content: \"%s\"%s; expected the key "
                 "authorization \"%.*s\"",
                 answerer(c), shown, r->body.len > len ? "..." : "", PROOF_SHOWN,
                 c->question.key_authorization);
}

/* CA/Browser Forum Baseline Requirements 3.2.2.4.19: no others. */
static bool is_redirect(int status)
{
    return status == 301 || status == 302 || status == 307 || status == 308;
}

static void on_fetched(void *argument, const struct http_fetch_result *r)
{
    struct validate_check *c = argument;
    const struct http_01 *s = c->state;

    c->fetch = NULL;
    validate_share_leave(c);
    note_fetch(c, r);
    if (r->code == ERR_OK && is_redirect(r->status)) {
        follow(c, r);
    } else if (r->code == ERR_OK) {
        judge(c, r);
    } else if (!r->dialled && validate_target_next(c)) {
        try_target(c);
    } else {
        validate_trouble(c, r->code, "%s: %s (%s)",
                         s->led_to != NULL ? s->led_to : url_of(c), r->detail,
                         c->target.at);
    }
}

static void dial(struct validate_check *c)
{
    const struct http_01 *s = c->state;
    const struct http_fetch_request request = {
        .url = &s->url,
        .host = s->host_header,
        .to = validate_target_address(c),
        .body_max = BODY_MAX,
        .dial_ms = validate_target_dial_ms(c),
        .timeout_ms = validate_time_left_ms(c),
        .user_agent = USER_AGENT,
    };

    c->fetch = http_fetch_start(c->validator->fetcher, &request, on_fetched, c);
}

static void try_target(struct validate_check *c)
{
    const struct address to = validate_target_address(c);

    validate_share_enter(c, &to, dial);
}

void http_01_start(struct validate_check *c)
{
    struct http_01 *s = arena_get(c->arena, sizeof *s);
    bool v6 = strchr(c->question.identifier, ':') != NULL; /* no name has one */
    const char *path =
        arena_printf(c->arena, "/.well-known/acme-challenge/%s", c->question.token);
    const char *text = arena_printf(c->arena, v6 ? "http://[%s]%s" : "http://%s%s",
                                    c->question.identifier, path);
    struct err_info why = {0};

    c->state = s;
    /* the front checked them; what it says goes out to the world all the same */
    if (url_parse(c->arena, span_of(text), &s->url, &why) != ERR_OK ||
        strcmp(s->url.host, c->question.identifier) != 0 || s->url.query != NULL ||
        strcmp(s->url.path, path) != 0 || c->question.token[0] == '\0' ||
        c->question.key_authorization[0] == '\0') {
        validate_bad(c, ERR_INTERNAL, "the question is malformed");
        return;
    }
    /* Clients look their challenges up by Host: for a name without its port, for IPv6
     * with it (Caddy takes "[::1]:80" apart and "[::1]" not) */
    if (v6)
        s->host_header = arena_printf(c->arena, "[%s]:%u", s->url.host, s->url.port);
    visit(c);
}
