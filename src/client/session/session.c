/* Accounts. */
#include "client/session/session.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/base/memory.h"
#include "core/json/json_write.h"

#define ACCOUNT_MAX (64 * 1024) /* octets of a payload */
#define USER_AGENT  "cairn/" CAIRN_VERSION

static enum err may_register(const struct session *s, struct err_info *why)
{
    const struct acme_directory *d = &s->peer.directory;

    if (d->needs_external && !s->options->bind)
        return err_set(why, ERR_EXTERNAL_ACCOUNT_REQUIRED,
                       "%s wants an external account binding: ask it for a key "
                       "identifier and a MAC key, and give them by --eab-kid and "
                       "--eab-key-file",
                       d->url);
    if (d->terms != NULL && !s->options->agree_terms)
        return err_set(why, ERR_USAGE,
                       "the CA has terms of service: read %s, then run again with "
                       "--agree-tos",
                       d->terms);
    return ERR_OK;
}

/* POST to newAccount, where the account's key, not its URL, says who asks. */
static enum err post_account(struct session *s, enum keeper_key key, struct span payload,
                             struct acme_reply *reply, struct err_info *why)
{
    const char *url = s->peer.directory.new_account;

    s->peer.kid = NULL;
    s->peer.key = key;
    enum err result = acme_request_post(&s->peer, s->arena, url, payload, reply, why);
    s->peer.key = KEEPER_ACCOUNT;
    TRY(result);
    if (reply->location == NULL)
        return err_set(why, ERR_PROTOCOL, "the CA did not tell the account's URL");
    return acme_directory_check(&s->peer.directory, reply->location, why);
}

/* newAccount: a new account, or the URL of the one that has this key (RFC 8555 7.3.1). */
static enum err register_account(struct session *s, struct err_info *why)
{
    const struct session_options *o = s->options;
    AUTO(buf) struct buf b = buf_make(ACCOUNT_MAX);
    struct json_writer w = json_writer_make(&b);
    struct acme_reply reply;
    struct span binding = {0};

    TRY(may_register(s, why));
    if (o->bind)
        TRY(keeper_bind(s->peer.keeper, s->arena, s->peer.directory.new_account, &binding,
                        why));
    json_write_begin_object(&w, NULL);
    if (s->peer.directory.terms != NULL)
        json_write_bool(&w, "termsOfServiceAgreed", true);
    if (o->email_count > 0) {
        json_write_begin_array(&w, "contact");
        for (size_t i = 0; i < o->email_count; i++)
            json_write_text(&w, NULL, arena_printf(s->arena, "mailto:%s", o->emails[i]));
        json_write_end_array(&w);
    }
    if (o->bind)
        json_write_raw(&w, "externalAccountBinding", binding);
    json_write_end_object(&w);
    TRY(post_account(s, KEEPER_ACCOUNT, buf_span(&b), &reply, why));
    s->peer.kid = reply.location;
    s->made = reply.status == 201;
    report_step(s->report, "account", "%s %s", s->made ? "registered" : "found again",
                s->peer.kid);
    return keeper_account(s->peer.keeper, s->arena, s->peer.kid, why);
}

static enum err find(struct session *s, enum keeper_key key, struct err_info *why)
{
    struct acme_reply reply;

    TRY(post_account(s, key, span_of("{\"onlyReturnExisting\":true}"), &reply, why));
    s->peer.kid = reply.location;
    return ERR_OK;
}

enum err session_find_account(struct session *s, struct err_info *why)
{
    TRY(find(s, KEEPER_ACCOUNT, why));
    report_step(s->report, "account", "%s", s->peer.kid);
    return keeper_account(s->peer.keeper, s->arena, s->peer.kid, why);
}

/* RFC 8555 7.3.5: a run ended, or an answer was lost, before it was known which key is in
 * force. */
enum err session_settle(struct session *s, bool *next, struct err_info *why)
{
    enum err result = find(s, KEEPER_ACCOUNT, why);

    *next = false;
    if (result == ERR_OK)
        return keeper_settle(s->peer.keeper, s->arena, false, why);
    if (result != ERR_ACCOUNT_DOES_NOT_EXIST)
        return result;
    result = find(s, KEEPER_NEXT, why);
    if (result == ERR_ACCOUNT_DOES_NOT_EXIST)
        return err_prefix(why, "the CA knows neither the account's key nor the next one, "
                               "which was being changed to");
    TRY(result);
    *next = true;
    TRY(keeper_settle(s->peer.keeper, s->arena, true, why));
    report_step(s->report, "account", "%s has its new key now", s->peer.kid);
    return ERR_OK;
}

/* Who made the account elsewhere, and has its key here without its URL, has agreed to the
 * terms, and bound it: nobody is asked for that again. */
static enum err find_or_register(struct session *s, struct err_info *why)
{
    struct err_info refusal = {0};
    enum err may = may_register(s, &refusal);

    if (may == ERR_OK)
        return register_account(s, why);
    enum err result = session_find_account(s, why);
    if (result != ERR_OK && result != ERR_INTERRUPTED) {
        *why = refusal;
        return may;
    }
    return result;
}

enum err session_need_account(struct session *s, struct err_info *why)
{
    const char *url = s->options->account;

    if (s->peer.kid != NULL)
        return ERR_OK;
    if (url == NULL)
        return find_or_register(s, why);
    if (!acme_directory_same_origin(s->peer.directory.url, url))
        return session_find_account(s, why); /* the CA has moved */
    s->peer.kid = url;
    report_step(s->report, "account", "%s", s->peer.kid);
    return ERR_OK;
}

static enum err reach(struct session *s, struct err_info *why)
{
    const struct session_options *o = s->options;
    const struct keeper *keeper = s->peer.keeper;
    bool ignored = false;

    TRY(http_client_new(o->roots, USER_AGENT, &s->http, why));
    TRY(acme_request_begin(&s->peer, s->http, s->report, s->arena, o->ca, why));
    s->peer.keeper = keeper;
    s->peer.end_us = clock_monotonic_us() + SESSION_TIME_MAX_S * 1000000LL;
    return o->changing ? session_settle(s, &ignored, why) : ERR_OK;
}

enum err session_reach(const struct session_options *options, const struct keeper *keeper,
                       const struct report *report, struct session **s,
                       struct err_info *why)
{
    struct session *made = memory_get_zeroed(1, sizeof *made);

    made->arena = arena_new();
    made->options = options;
    made->report = report;
    made->peer.keeper = keeper;
    enum err result = reach(made, why);
    if (result != ERR_OK) {
        session_close(made);
        return result;
    }
    *s = made;
    return ERR_OK;
}

enum err session_open(const struct session_options *options, const struct keeper *keeper,
                      const struct report *report, struct session **s,
                      struct err_info *why)
{
    struct session *made = NULL;

    TRY(session_reach(options, keeper, report, &made, why));
    enum err result = session_need_account(made, why);
    if (result != ERR_OK) {
        session_close(made);
        return result;
    }
    *s = made;
    return ERR_OK;
}

void session_close(struct session *s)
{
    if (s == NULL)
        return;
    http_client_free(s->http);
    arena_free(s->arena);
    free(s);
}
