/* Accounts. */
#include "client/session/session.h"

#include <stdlib.h>

#include "core/base/memory.h"
#include "core/json/json_write.h"

#define ACCOUNT_MAX (64 * 1024) /* octets of a payload */
#define USER_AGENT  "cairn/" CAIRN_VERSION

static enum err may_register(const struct session *s, const struct session_options *o,
                             struct err_info *why)
{
    if (s->peer.needs_external && !o->bind)
        return err_set(why, ERR_EXTERNAL_ACCOUNT_REQUIRED,
                       "%s wants an external account binding: ask it for a key "
                       "identifier and a MAC key, and give them by --eab-kid and "
                       "--eab-key-file",
                       o->ca);
    if (s->peer.terms != NULL && !o->agree_terms)
        return err_set(why, ERR_USAGE,
                       "the CA has terms of service: read %s, then run again with "
                       "--agree-tos",
                       s->peer.terms);
    return ERR_OK;
}

/* newAccount: a new account, or the URL of the one that has this key (RFC 8555 7.3.1). */
static enum err register_account(struct session *s, const struct session_options *o,
                                 const struct report *report, struct err_info *why)
{
    AUTO(buf) struct buf b = buf_make(ACCOUNT_MAX);
    struct json_writer w = json_writer_make(&b);
    struct acme_reply reply;
    struct span binding = {0};

    TRY(may_register(s, o, why));
    if (o->bind)
        TRY(keeper_bind(s->peer.keeper, s->arena, s->peer.new_account, &binding, why));
    json_write_begin_object(&w, NULL);
    if (s->peer.terms != NULL)
        json_write_bool(&w, "termsOfServiceAgreed", true);
    if (o->email != NULL) {
        json_write_begin_array(&w, "contact");
        json_write_text(&w, NULL, arena_printf(s->arena, "mailto:%s", o->email));
        json_write_end_array(&w);
    }
    if (o->bind)
        json_write_raw(&w, "externalAccountBinding", binding);
    json_write_end_object(&w);
    TRY(acme_request_post(&s->peer, s->arena, s->peer.new_account, buf_span(&b), &reply,
                          why));
    if (reply.location == NULL)
        return err_set(why, ERR_PROTOCOL, "the CA did not tell the account's URL");
    s->peer.kid = reply.location;
    report_step(report, "account", "%s %s",
                reply.status == 201 ? "registered" : "found again", s->peer.kid);
    return keeper_account(s->peer.keeper, s->arena, s->peer.kid, why);
}

static enum err open_session(struct session *s, const struct session_options *o,
                             const struct keeper *keeper, const struct report *report,
                             struct err_info *why)
{
    TRY(http_client_new(o->roots, USER_AGENT, &s->http, why));
    TRY(acme_request_begin(&s->peer, s->http, report, s->arena, o->ca, why));
    s->peer.keeper = keeper;
    s->peer.kid = o->account;
    if (s->peer.kid == NULL)
        return register_account(s, o, report, why);
    report_step(report, "account", "%s", s->peer.kid);
    return ERR_OK;
}

enum err session_open(const struct session_options *options, const struct keeper *keeper,
                      const struct report *report, struct session **s,
                      struct err_info *why)
{
    struct session *made = memory_get_zeroed(1, sizeof *made);

    made->arena = arena_new();
    enum err result = open_session(made, options, keeper, report, why);
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
