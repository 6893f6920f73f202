/* Proving control: all challenges are answered first, then all are looked after. */
#include <stdio.h>
#include <string.h>

#include "client/flow/flow_private.h"
#include "client/settings/name.h"
#include "client/solve/solve_choose.h"
#include "core/acme/problem.h"
#include "core/base/clock.h"

#define ISSUERS_MAX 2048 /* octets of a CA's names */
#define VALUE_MAX   300  /* octets of an identifier */

enum progress { TO_DO, ASKED, PROVED, FAILED };

struct authorization {
    const char *url;
    struct identifier identifier; /* without "*." */
    bool wildcard;
    const char *name; /* as the user gave it */
    enum challenge_type type;
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
    char about[VALUE_MAX + 64];

    for (size_t i = 0; i < json_count(challenges); i++) {
        const struct json *problem = json_member(json_element(challenges, i), "error");
        if (problem == NULL)
            continue;
        flow_caa_advise(f, json_text(json_member(problem, "type")), name);
        (void)snprintf(about, sizeof about, "%s was not proved", name);
        return flow_problem(problem, about, why);
    }
    return err_set(why, ERR_VALIDATION, "%s was not proved; the CA gives no reason",
                   name);
}

/* What the CA says of it; once known, it is about the same name for ever. */
static enum err read_identifier(struct flow *f, struct authorization *z,
                                const struct json *json, struct err_info *why)
{
    const struct json *identifier = json_member(json, "identifier");
    const char *type = NULL;
    struct identifier read = {0};

    if (z->name != NULL)
        return ERR_OK;
    TRY(json_need_text(identifier, "type", &type, why));
    TRY(json_need_text(identifier, "value", &read.value, why));
    TRY(json_take_bool(json, "wildcard", false, &z->wildcard, why));
    if (!terms_read_identifier_type(type, &read.type))
        return err_set(why, ERR_PROTOCOL, "an authorization is for a \"%.50s\"", type);
    if (strlen(read.value) > VALUE_MAX)
        return err_set(why, ERR_PROTOCOL, "an authorization is for a name without end");
    read.value = arena_string(f->arena, read.value);
    z->identifier = read;
    z->name = name_text(f->arena, &z->identifier);
    if (z->wildcard)
        z->name = arena_printf(f->arena, "*.%s", z->name);
    return ERR_OK;
}

static enum err read_authorization(struct flow *f, struct authorization *z,
                                   const struct json *json, enum authz_status *status,
                                   struct err_info *why)
{
    const char *text = NULL;

    TRY(json_need_text(json, "status", &text, why));
    if (!terms_read_authz_status(text, status))
        return err_set(why, ERR_PROTOCOL, "an authorization has the status \"%.50s\"",
                       text);
    return read_identifier(f, z, json, why);
}

static enum err look(struct flow *f, struct arena *a, struct authorization *z,
                     const struct json **json, enum authz_status *status,
                     struct err_info *why)
{
    struct acme_reply reply;

    TRY(flow_post(f, a, z->url, span_of(""), &reply, why));
    TRY(flow_blame(read_authorization(f, z, reply.json, status, why),
                   "the CA's authorization", why));
    if (reply.retry_after > f->retry_after)
        f->retry_after = reply.retry_after;
    *json = reply.json;
    return ERR_OK;
}

/* ---- choosing a challenge ---- */

static bool is_among(const struct flow_choice *choices, size_t count, const char *name,
                     enum challenge_type type)
{
    for (size_t i = 0; i < count; i++)
        if (choices[i].type == type && strcmp(choices[i].name, name) == 0)
            return true;
    return false;
}

/* Those set up, in the order in which they are to be tried for this name. */
static struct challenge_list list_for(const struct flow *f, const char *name)
{
    const struct flow_options *o = f->options;
    struct challenge_list list = {0};

    for (int round = 0; round < 2; round++)
        for (size_t i = 0; i < o->challenges.count; i++) {
            enum challenge_type type = o->challenges.types[i];
            bool worked = is_among(o->worked, o->worked_count, name, type);
            if (worked == (round == 0) &&
                !is_among(o->failed, o->failed_count, name, type))
                challenge_list_add(&list, type);
        }
    return list;
}

/* The types the CA offers, in its order. */
static enum err read_types(struct arena *a, const struct json *challenges,
                           const char *const **types, struct err_info *why)
{
    if (json_count(challenges) > FLOW_CHALLENGES_MAX)
        return err_set(why, ERR_PROTOCOL, "an authorization has %zu challenges",
                       json_count(challenges));
    const char **list = arena_array(a, json_count(challenges) + 1, sizeof *list);
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

/* Does the CA offer another one that may be answered? */
static bool has_more(const struct challenge_list *list, const struct authorization *z,
                     const char *const *types, size_t count, enum challenge_type chosen)
{
    struct challenge_list others = {0};
    size_t ignored = 0;

    for (size_t i = 0; i < list->count; i++)
        if (list->types[i] != chosen)
            challenge_list_add(&others, list->types[i]);
    return solve_choose(&others, &z->identifier, z->wildcard, types, count, &ignored,
                        NULL) == ERR_OK;
}

/* Choose a challenge among those offered and have it answered. */
static enum err prepare(struct flow *f, struct arena *a, struct authorization *z,
                        const struct json *json, struct err_info *why)
{
    const struct challenge_list list = list_for(f, z->name);
    const struct json *challenges = NULL;
    const char *const *types = NULL;
    struct keeper_challenge challenge = {.token = "", .account_uri = "", .issuers = ""};
    const char *url = NULL;
    size_t chosen = 0;

    if (list.count == 0)
        return err_set(why, ERR_VALIDATION,
                       "%s was not proved by any of the challenges that are set up for "
                       "it",
                       z->name);
    TRY(json_need_array(json, "challenges", &challenges, why));
    TRY(read_types(a, challenges, &types, why));
    TRY(solve_choose(&list, &z->identifier, z->wildcard, types, json_count(challenges),
                     &chosen, why));
    const struct json *c = json_element(challenges, chosen);
    if (!terms_read_challenge_type(types[chosen], &challenge.type))
        return err_set(why, ERR_INTERNAL, "a challenge was chosen that is none");
    TRY(json_need_text(c, "url", &url, why));
    TRY(acme_directory_check(&f->session->peer.directory, url, why));
    if (challenge.type == CHALLENGE_DNS_PERSIST_01)
        TRY(read_persist(f, c, &challenge, why));
    else
        TRY(json_need_text(c, "token", &challenge.token, why));
    challenge.more = has_more(&list, z, types, json_count(challenges), challenge.type);
    z->type = challenge.type;
    z->challenge_url = arena_string(f->arena, url);
    challenge.identifier = name_text(f->arena, &z->identifier);
    challenge.wildcard = z->wildcard;
    return keeper_present(f->session->peer.keeper, f->arena, &challenge, &z->payload,
                          why);
}

static enum err first_look(struct flow *f, struct authorization *z, struct err_info *why)
{
    AUTO(arena) struct arena *a = arena_new();
    const struct json *json = NULL;
    enum authz_status status;

    TRY(look(f, a, z, &json, &status, why));
    switch (status) {
    case AUTHZ_VALID:
        z->progress = PROVED;
        report_step(f->report, "proved", "%s (before)", z->name);
        return ERR_OK;
    case AUTHZ_PENDING:
        return flow_blame(prepare(f, a, z, json, why), "the CA's authorization", why);
    default:
        return err_set(why, ERR_REFUSED, "the authorization of %s is %s", z->name,
                       terms_authz_status(status));
    }
}

/* ---- having it looked at ---- */

/* The CA has decided. */
static enum err decided(struct flow *f, struct arena *a, struct authorization *z,
                        bool proved, struct err_info *why)
{
    TRY(keeper_outcome(f->session->peer.keeper, a, z->type, name_text(a, &z->identifier),
                       z->wildcard, proved, why));
    z->progress = proved ? PROVED : FAILED;
    return ERR_OK;
}

/* Tell the CA to look. Its answer may say that it is done already, or, of an attestation,
 * that it is not true (draft-ietf-acme-device-attest-09 5). */
static enum err ask(struct flow *f, struct authorization *z, struct err_info *why)
{
    AUTO(arena) struct arena *a = arena_new();
    struct acme_reply reply;

    enum err result = acme_request_post(&f->session->peer, a, z->challenge_url,
                                        z->payload, &reply, why);
    if (result == ERR_BAD_ATTESTATION_STATEMENT) {
        struct err_info refusal = *why;
        TRY(decided(f, a, z, false, why));
        *why = refusal;
        why->code = ERR_VALIDATION;
        return err_prefix(why, "%s was not proved", z->name);
    }
    TRY(result);
    z->progress = ASKED;
    return ERR_OK;
}

static enum err second_look(struct flow *f, struct authorization *z, struct err_info *why)
{
    AUTO(arena) struct arena *a = arena_new();
    const struct json *json = NULL;
    enum authz_status status;

    TRY(look(f, a, z, &json, &status, why));
    if (status == AUTHZ_PENDING)
        return ERR_OK;
    TRY(decided(f, a, z, status == AUTHZ_VALID, why));
    if (z->progress == FAILED)
        return explain(f, json, z->name, why);
    report_step(f->report, "proved", "%s", z->name);
    return ERR_OK;
}

/* What failed, of several. */
struct failures {
    size_t count;
    struct err_info first;
};

/* One look at each that is open. What failed is told once all have been looked at: each
 * of them is worth knowing. */
static enum err round_of_looks(struct flow *f, struct authorization *list, size_t *open,
                               struct failures *failed, struct err_info *why)
{
    *open = 0;
    for (size_t i = 0; i < f->authorization_count; i++) {
        struct err_info one = {0};
        if (list[i].progress == PROVED || list[i].progress == FAILED)
            continue;
        enum err looked = second_look(f, &list[i], &one);
        if (looked != ERR_OK && list[i].progress != FAILED) {
            *why = one;
            return looked; /* that was no verdict */
        }
        if (looked != ERR_OK && failed->count++ == 0)
            failed->first = one;
        *open += list[i].progress == ASKED;
    }
    return ERR_OK;
}

static enum err tell(const struct failures *failed, struct err_info *why)
{
    *why = failed->first;
    if (failed->count > 1)
        (void)err_set(why, why->code, "%s; and so for %zu more", failed->first.detail,
                      failed->count - 1);
    return why->code;
}

/* Look after all of them until each is proved. Where one failed and another challenge may
 * be answered instead, the others are seen through: what is proved counts for the next
 * order. */
static enum err look_after(struct flow *f, struct authorization *list,
                           struct err_info *why)
{
    struct failures failed = {0};
    int round = 0;

    for (;;) {
        size_t open = 0;
        f->retry_after = 0;
        TRY(round_of_looks(f, list, &open, &failed, why));
        bool ends = open == 0 || (failed.count > 0 && f->options->challenges.count == 1);
        if (ends)
            return failed.count > 0 ? tell(&failed, why) : ERR_OK;
        enum err waited = flow_wait(f, &round, why);
        if (waited != ERR_OK)
            return failed.count > 0 && waited == ERR_TIMEOUT ? tell(&failed, why)
                                                             : waited;
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
    f->session->peer.end_us +=
        clock_monotonic_us() - before_us; /* the CA had no part in that */
    for (size_t i = 0; i < f->authorization_count; i++)
        if (list[i].progress == TO_DO)
            TRY(ask(f, &list[i], why));
    return look_after(f, list, why);
}
