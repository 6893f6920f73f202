/* Proving control: all challenges are answered first, then all are looked after. */
#include <string.h>

#include "client/flow/flow_private.h"
#include "client/settings/name.h"
#include "client/solve/solve_choose.h"
#include "core/acme/problem.h"
#include "core/base/clock.h"

#define ISSUERS_MAX 2048 /* octets of a CA's names */

enum progress { TO_DO, ASKED, PROVED };

struct authorization {
    const char *url;
    struct identifier identifier; /* without "*." */
    bool wildcard;
    const char *name;    /* as the user gave it */
    struct span payload; /* what is sent to the challenge's URL */
    const char *challenge_url;
    enum progress progress;
};

/* The challenge's error is what helps: what the CA looked up, where it went, what it saw.
 */
static enum err explain(struct flow *f, const struct json *json, const char *name,
                        struct err_info *why)
{
    const struct json *challenges = json_member(json, "challenges");

    for (size_t i = 0; i < json_count(challenges); i++) {
        const struct json *problem = json_member(json_element(challenges, i), "error");
        const char *detail = NULL;
        const char *type = NULL;
        if (problem == NULL)
            continue;
        if (json_take_text(problem, "detail", &detail, why) != ERR_OK ||
            json_take_text(problem, "type", &type, why) != ERR_OK)
            continue;
        flow_caa_advise(f, type, name);
        if (type != NULL && strncmp(type, PROBLEM_URN, strlen(PROBLEM_URN)) == 0)
            type += strlen(PROBLEM_URN);
        return err_set(why, ERR_VALIDATION, "%s was not proved: %s (%s)", name,
                       detail != NULL ? detail : "the CA gives no reason",
                       type != NULL ? type : "no type");
    }
    return err_set(why, ERR_VALIDATION, "%s was not proved; the CA gives no reason",
                   name);
}

static enum err read_identifier(struct authorization *z, const struct json *identifier,
                                struct err_info *why)
{
    const char *type = NULL;

    TRY(json_need_text(identifier, "type", &type, why));
    TRY(json_need_text(identifier, "value", &z->identifier.value, why));
    if (!terms_read_identifier_type(type, &z->identifier.type))
        return err_set(why, ERR_PROTOCOL, "an authorization is for a \"%.50s\"", type);
    return ERR_OK;
}

static enum err look(struct flow *f, struct authorization *z, const struct json **json,
                     enum authz_status *status, struct err_info *why)
{
    struct acme_reply reply;
    const char *text = NULL;

    TRY(acme_request_post(&f->session->peer, f->arena, z->url, span_of(""), &reply, why));
    TRY(json_need_text(reply.json, "status", &text, why));
    if (!terms_read_authz_status(text, status))
        return err_set(why, ERR_PROTOCOL, "an authorization has the status \"%.50s\"",
                       text);
    TRY(read_identifier(z, json_member(reply.json, "identifier"), why));
    TRY(json_take_bool(reply.json, "wildcard", false, &z->wildcard, why));
    z->name = name_text(f->arena, &z->identifier);
    if (z->wildcard)
        z->name = arena_printf(f->arena, "*.%s", z->name);
    if (reply.retry_after > f->retry_after)
        f->retry_after = reply.retry_after;
    *json = reply.json;
    return ERR_OK;
}

/* The types the CA offers, in its order. */
static enum err read_types(struct flow *f, const struct json *challenges,
                           const char *const **types, struct err_info *why)
{
    const char **list = arena_array(f->arena, json_count(challenges) + 1, sizeof *list);

    for (size_t i = 0; i < json_count(challenges); i++)
        TRY(json_need_text(json_element(challenges, i), "type", &list[i], why));
    *types = list;
    return ERR_OK;
}

/* What dns-persist-01 says besides (draft-ietf-acme-dns-persist 3.1; the member has two
 * spellings, as the draft's revisions have). */
static enum err read_persist(struct flow *f, const struct json *c,
                             struct keeper_challenge *challenge, struct err_info *why)
{
    AUTO(buf) struct buf issuers = buf_make(ISSUERS_MAX);
    const struct json *names = json_member(c, "issuer-domain-names");
    const char *uri = NULL;

    if (names == NULL)
        TRY(json_need_array(c, "issuerDomainNames", &names, why));
    for (size_t i = 0; i < json_count(names); i++) {
        const char *name = json_text(json_element(names, i));
        if (name == NULL)
            return err_set(why, ERR_MALFORMED, "issuer-domain-names is no list of names");
        buf_printf(&issuers, "%s%s", i > 0 ? " " : "", name);
    }
    TRY(json_take_text(c, "accounturi", &uri, why));
    if (issuers.failed || issuers.len == 0)
        return err_set(why, ERR_MALFORMED,
                       "issuer-domain-names is empty, or too long a list");
    challenge->issuers = arena_string_of(f->arena, buf_span(&issuers));
    challenge->account_uri = uri != NULL ? uri : "";
    return ERR_OK;
}

/* Choose a challenge among those offered and have it answered. */
static enum err prepare(struct flow *f, struct authorization *z, const struct json *json,
                        struct err_info *why)
{
    const struct json *challenges = NULL;
    const char *const *types = NULL;
    struct keeper_challenge challenge = {.token = "", .account_uri = "", .issuers = ""};
    size_t chosen = 0;

    TRY(json_need_array(json, "challenges", &challenges, why));
    TRY(read_types(f, challenges, &types, why));
    TRY(solve_choose(f->challenges, &z->identifier, z->wildcard, types,
                     json_count(challenges), &chosen, why));
    const struct json *c = json_element(challenges, chosen);
    if (!terms_read_challenge_type(types[chosen], &challenge.type))
        return err_set(why, ERR_INTERNAL, "a challenge was chosen that is none");
    TRY(json_need_text(c, "url", &z->challenge_url, why));
    if (challenge.type == CHALLENGE_DNS_PERSIST_01)
        TRY(read_persist(f, c, &challenge, why));
    else
        TRY(json_need_text(c, "token", &challenge.token, why));
    challenge.identifier = name_text(f->arena, &z->identifier);
    challenge.wildcard = z->wildcard;
    return keeper_present(f->session->peer.keeper, f->arena, &challenge, &z->payload,
                          why);
}

static enum err first_look(struct flow *f, struct authorization *z, struct err_info *why)
{
    const struct json *json = NULL;
    enum authz_status status;

    TRY(look(f, z, &json, &status, why));
    switch (status) {
    case AUTHZ_VALID:
        z->progress = PROVED;
        report_step(f->report, "proved", "%s (before)", z->name);
        return ERR_OK;
    case AUTHZ_PENDING:
        return prepare(f, z, json, why);
    default:
        return err_set(why, ERR_REFUSED, "the authorization of %s is %s", z->name,
                       terms_authz_status(status));
    }
}

/* Tell the CA to look. Its answer may say that it is done already, or, of an attestation,
 * that it is not true (draft-ietf-acme-device-attest-09 5). */
static enum err ask(struct flow *f, struct authorization *z, struct err_info *why)
{
    struct acme_reply reply;

    enum err result = acme_request_post(&f->session->peer, f->arena, z->challenge_url,
                                        z->payload, &reply, why);
    if (result == ERR_BAD_ATTESTATION_STATEMENT)
        return err_prefix(why, "%s was not proved", z->name);
    TRY(result);
    z->progress = ASKED;
    return ERR_OK;
}

static enum err second_look(struct flow *f, struct authorization *z, struct err_info *why)
{
    const struct json *json = NULL;
    enum authz_status status;

    TRY(look(f, z, &json, &status, why));
    if (status == AUTHZ_PENDING)
        return ERR_OK;
    if (status != AUTHZ_VALID)
        return explain(f, json, z->name, why);
    z->progress = PROVED;
    report_step(f->report, "proved", "%s", z->name);
    return ERR_OK;
}

/* Look after all of them until each is proved. */
static enum err look_after(struct flow *f, struct authorization *list,
                           struct err_info *why)
{
    int round = 0;

    for (;;) {
        size_t open = 0;
        f->retry_after = 0;
        for (size_t i = 0; i < f->authorization_count; i++) {
            if (list[i].progress == PROVED)
                continue;
            TRY(second_look(f, &list[i], why));
            open += list[i].progress != PROVED;
        }
        if (open == 0)
            return ERR_OK;
        TRY(flow_wait(f, &round, why));
    }
}

enum err flow_prove(struct flow *f, struct err_info *why)
{
    struct authorization *list =
        arena_array(f->arena, f->authorization_count, sizeof *list);

    for (size_t i = 0; i < f->authorization_count; i++) {
        list[i].url = f->authorizations[i];
        TRY(first_look(f, &list[i], why));
    }
    int64_t before_us = clock_monotonic_us();
    TRY(keeper_ready(f->session->peer.keeper, f->arena, why));
    f->deadline_us += clock_monotonic_us() - before_us; /* the CA had no part in that */
    for (size_t i = 0; i < f->authorization_count; i++)
        if (list[i].progress == TO_DO)
            TRY(ask(f, &list[i], why));
    return look_after(f, list, why);
}
