/* Ports 80 and 443, as a CA comes to them: a token that nobody knows is answered as one
 * of the CA would be, and asked for by each address that the name has. */
#include <string.h>

#include "client/preflight/preflight_private.h"
#include "client/proc/wire.h"
#include "client/solve/solve.h"
#include "client/store/account_store.h"
#include "core/base/base64url.h"
#include "core/base/random.h"
#include "core/base/secret.h"
#include "core/base/text.h"
#include "core/jose/jwk.h"

#define SECRET_SIZE 32
#define BODY_SHOWN  60 /* octets of a wrong answer */
#define PORT_HTTP   80
#define PORT_TLS    443

struct door {
    struct preflight *p;
    enum challenge_type type;
    const char *part;
    const char *token;
    const char *key_authorization;
    const char *thumbprint; /* that a server answers with by itself; NULL: any will do */
};

/* http: stateless. False if there is no account yet, so that no server can know it. */
static bool find_thumbprint(struct door *d)
{
    const struct wanted *w = d->p->wanted;
    struct account account;
    struct err_info ignored = {0};

    if (d->type != CHALLENGE_HTTP_01 || strcmp(w->certificate->http, "stateless") != 0)
        return true;
    if (account_store_find(d->p->arena, d->p->directory, w->cas[0]->directory, &account,
                           &ignored) == ERR_OK) {
        d->thumbprint = jwk_thumbprint_text(d->p->arena, account.key);
        return true;
    }
    preflight_add(d->p, PREFLIGHT_WRONG, d->part, w->cas[0]->name,
                  "cairn account register, then cairn account show --thumbprint",
                  "there is no account yet, so no server can know its thumbprint");
    return false;
}

static void make_token(struct door *d)
{
    uint8_t random[2 * SECRET_SIZE];

    random_fill(random, sizeof random);
    d->token = base64url_string(d->p->arena, span_make(random, SECRET_SIZE));
    const char *second =
        d->thumbprint != NULL
            ? d->thumbprint
            : base64url_string(d->p->arena, span_make(random + SECRET_SIZE, SECRET_SIZE));
    d->key_authorization = arena_printf(d->p->arena, "%s.%s", d->token, second);
}

/* ---- looking ---- */

static enum err call(struct door *d, const struct wire_message *m,
                     struct wire_message *back, struct err_info *why)
{
    TRY(wire_send(d->p->crew->listener.fd, m, why));
    TRY(wire_receive(d->p->arena, d->p->crew->listener.fd, back, NULL, why));
    return back->type == WIRE_ANSWER ? ERR_OK : wire_failure(back, why);
}

static enum err look_http(struct door *d, const struct address *at, const char *name,
                          bool tls, struct wire_message *back, struct err_info *why)
{
    char to[ADDRESS_TEXT_SIZE];
    const char *path =
        arena_printf(d->p->arena, "/.well-known/acme-challenge/%s", d->token);

    address_text_with_port(at, to);
    const struct wire_message m = {WIRE_LOOK,
                                   {span_of(arena_string(d->p->arena, to)), span_of(name),
                                    span_of(path), span_of(tls ? "https" : "")},
                                   4};
    TRY(call(d, &m, back, why));
    return back->count == 3 ? ERR_OK
                            : err_set(why, ERR_PROTOCOL, "a look came to nothing");
}

static bool is_answer(const struct door *d, const struct wire_message *back)
{
    return span_is(back->fields[0], "200") &&
           secret_equal(text_trim(back->fields[1]), span_of(d->key_authorization));
}

/* To the same name and path by TLS: a CA follows that, and does not mind the
 * certificate. */
static bool leads_to_tls(const struct door *d, const struct wire_message *back,
                         const char *name)
{
    const char *to = arena_printf(d->p->arena, "https://%s/.well-known/acme-challenge/%s",
                                  name, d->token);

    return back->fields[0].len == 3 && back->fields[0].data[0] == '3' &&
           span_is(back->fields[2], to);
}

static void tell_wrong_answer(struct door *d, const char *name, const char *at,
                              const struct wire_message *back)
{
    char body[BODY_SHOWN + 1] = "";
    size_t len = back->fields[1].len < BODY_SHOWN ? back->fields[1].len : BODY_SHOWN;

    if (len > 0)
        memcpy(body, back->fields[1].data, len);
    text_make_printable(body);
    if (back->fields[2].len > 0)
        preflight_add(d->p, PREFLIGHT_WRONG, d->part, name,
                      "have the server there leave /.well-known/acme-challenge/ alone, "
                      "or take --http nginx or --http apache",
                      "%s redirects the CA to %.*s", at, (int)back->fields[2].len,
                      (const char *)back->fields[2].data);
    else
        preflight_add(d->p, PREFLIGHT_WRONG, d->part, name,
                      "see who listens there: ss -ltnp; a name that leads to another "
                      "host needs dns-01, or a server there that forwards",
                      "%s answers with %.*s, \"%s\", and not with our token", at,
                      (int)back->fields[0].len, (const char *)back->fields[0].data, body);
}

static enum err look_at_http(struct door *d, const struct preflight_name *n,
                             struct address at, const char *text, bool *reached,
                             struct err_info *why)
{
    struct wire_message back = {0};

    at.port = PORT_HTTP;
    TRY(look_http(d, &at, n->name, false, &back, why));
    *reached = true;
    if (leads_to_tls(d, &back, n->name)) {
        at.port = PORT_TLS;
        TRY(look_http(d, &at, n->name, true, &back, why));
    }
    if (is_answer(d, &back))
        preflight_add(d->p, PREFLIGHT_GOOD, d->part, n->name, "",
                      "our token is seen at %s", text);
    else
        tell_wrong_answer(d, n->name, text, &back);
    return ERR_OK;
}

static enum err look_at_tls(struct door *d, const struct preflight_name *n,
                            struct address at, const char *text, struct err_info *why)
{
    char to[ADDRESS_TEXT_SIZE];
    struct wire_message back = {0};

    at.port = PORT_TLS;
    address_text_with_port(&at, to);
    const struct wire_message m = {
        WIRE_LOOK_TLS, {span_of(to), span_of(n->name), span_of(d->key_authorization)}, 3};
    TRY(call(d, &m, &back, why));
    preflight_add(d->p, PREFLIGHT_GOOD, d->part, n->name, "",
                  "our certificate is seen at "
                  "%s",
                  text);
    return ERR_OK;
}

/* One address of one name. What does not answer at an address of another host may be
 * reached from outside all the same. */
static enum err look_at_address(struct door *d, const struct preflight_name *n,
                                const struct address *at, struct err_info *why)
{
    struct err_info one = {0};
    char text[ADDRESS_TEXT_SIZE];
    bool reached = false;

    address_text(at, text);
    enum err result = d->type == CHALLENGE_HTTP_01
                          ? look_at_http(d, n, *at, text, &reached, &one)
                          : look_at_tls(d, n, *at, text, &one);
    if (result == ERR_OK)
        return ERR_OK;
    if (result == ERR_IO || result == ERR_INTERRUPTED || result == ERR_INTERNAL)
        return err_set(why, result, "%s", one.detail);
    preflight_add(d->p, PREFLIGHT_WRONG, d->part, n->name,
                  "let it through the firewall, or correct the address in the DNS; if "
                  "this host cannot reach itself by that address but others can, that is "
                  "all right",
                  "%s, asked from this host: %s", text, one.detail);
    return ERR_OK;
}

/* ---- all names ---- */

static bool is_of_door(const struct preflight_name *n)
{
    return !n->wildcard && n->address_count > 0;
}

static enum err look_at_all(struct door *d, struct solve *solve,
                            const struct preflight_name *names, size_t count,
                            struct err_info *failure, struct err_info *why)
{
    struct span ignored = span_of("");

    for (size_t i = 0; i < count; i++) {
        const struct solve_task task = {
            .type = d->type,
            .identifier = {names[i].is_address ? IDENTIFIER_IP : IDENTIFIER_DNS,
                           names[i].name},
            .token = d->token,
            .key_authorization = d->key_authorization,
            .account_uri = "",
            .response = &ignored};
        if (is_of_door(&names[i]))
            TRY(solve_present(solve, &task, failure));
    }
    TRY(solve_ready(solve, NULL, failure));
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < names[i].address_count && is_of_door(&names[i]); k++)
            if (look_at_address(d, &names[i], &names[i].addresses[k], why) != ERR_OK)
                return err_set(failure, why->code, "%s", why->detail);
    return ERR_OK;
}

enum err preflight_door(struct preflight *p, enum challenge_type type,
                        const struct preflight_name *names, size_t count,
                        struct err_info *why)
{
    static const struct report quiet = {.quiet = true};
    const struct solve_options options = {.wanted = p->wanted,
                                          .report = &quiet,
                                          .listener = p->crew->listener.fd,
                                          .dns = p->crew->dns.fd,
                                          .runner = p->crew->runner.fd,
                                          .directory = p->directory};
    struct door d = {
        .p = p, .type = type, .part = type == CHALLENGE_HTTP_01 ? "port 80" : "port 443"};
    struct err_info failure = {0};
    struct err_info fatal = {0};
    bool any = false;

    for (size_t i = 0; i < count; i++)
        any |= is_of_door(&names[i]);
    if (!any)
        return ERR_OK;
    if (!find_thumbprint(&d))
        return ERR_OK;
    make_token(&d);
    struct solve *solve = solve_new(&options);
    enum err result = look_at_all(&d, solve, names, count, &failure, &fatal);
    solve_close(solve);
    if (fatal.code != ERR_OK)
        return err_set(why, fatal.code, "%s", fatal.detail);
    if (result == ERR_OK)
        return ERR_OK;
    if (result == ERR_INTERRUPTED || result == ERR_INTERNAL)
        return err_set(why, result, "%s", failure.detail);
    preflight_add(p, PREFLIGHT_WRONG, d.part, terms_challenge_type(type), "", "%s",
                  failure.detail);
    return ERR_OK;
}
