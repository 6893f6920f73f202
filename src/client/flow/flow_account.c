/* Accounts at their CA. */
#include "client/flow/flow_account.h"

#include <string.h>

#include "client/flow/flow_private.h"
#include "client/request/link_header.h"
#include "core/json/json_write.h"

#define PAYLOAD_MAX (128 * 1024) /* octets */
#define PAGES_MAX   100          /* of a list of orders */

/* ---- what is known ---- */

/* How many orders the CA lists (RFC 8555 7.1.2.1); false if it does not. */
static bool count_orders(struct session *s, const struct json *account, int64_t *orders)
{
    const char *url = json_text(json_member(account, "orders"));
    struct err_info ignored = {0};
    int64_t count = 0;

    for (int page = 0; url != NULL && page < PAGES_MAX; page++) {
        const char *next[LINK_HEADER_URLS_MAX];
        struct acme_reply reply;
        if (acme_request_post(&s->peer, s->arena, url, span_of(""), &reply, &ignored) !=
                ERR_OK ||
            !json_is_array(json_member(reply.json, "orders")))
            return false;
        count += (int64_t)json_count(json_member(reply.json, "orders"));
        url = link_header_urls(s->arena, url, reply.links, reply.link_count, "next",
                               next) > 0
                  ? next[0]
                  : NULL;
        *orders = count;
    }
    return count > 0 || *orders == 0;
}

static void write_known(struct session *s, const struct json *account, bool same,
                        struct buf *b)
{
    const struct json *contact = json_member(account, "contact");
    struct json_writer w = json_writer_make(b);
    int64_t orders = -1;

    json_write_begin_object(&w, NULL);
    json_write_text(&w, "url", s->peer.kid);
    const char *status = json_text(json_member(account, "status"));
    if (status != NULL)
        json_write_text(&w, "status", status);
    json_write_begin_array(&w, "contact");
    for (size_t i = 0; i < json_count(contact); i++)
        if (json_text(json_element(contact, i)) != NULL)
            json_write_text(&w, NULL, json_text(json_element(contact, i)));
    json_write_end_array(&w);
    if (count_orders(s, account, &orders) && orders >= 0)
        json_write_number(&w, "orders", orders);
    json_write_bool(&w, "made", s->made);
    json_write_bool(&w, "same", same);
    json_write_end_object(&w);
}

static enum err tell(struct session *s, const struct json *account, bool same,
                     struct arena *a, struct span *known, struct err_info *why)
{
    AUTO(buf) struct buf b = buf_make(FLOW_ACCOUNT_MAX);

    write_known(s, account, same, &b);
    if (b.failed)
        return err_set(why, ERR_PROTOCOL, "what the CA says of the account is too long");
    *known = arena_span(a, buf_span(&b));
    return ERR_OK;
}

/* Ask, or change something: the answer is the account as it is then. */
static enum err post(struct session *s, struct span payload, struct arena *a,
                     struct span *known, struct err_info *why)
{
    struct acme_reply reply;

    TRY(acme_request_post(&s->peer, s->arena, s->peer.kid, payload, &reply, why));
    return tell(s, reply.json, false, a, known, why);
}

/* The account's URL, where it is not to be made. */
static enum err need_known(struct session *s, struct err_info *why)
{
    enum err result = s->options->account != NULL ? session_need_account(s, why)
                                                  : session_find_account(s, why);

    if (result == ERR_ACCOUNT_DOES_NOT_EXIST)
        return err_prefix(why, "the CA knows no account with this key; cairn account "
                               "register makes one");
    return result;
}

/* ---- changes ---- */

/* Does the CA have these addresses, and no others? */
static bool has_emails(struct session *s, const struct json *account,
                       const struct flow_options *o)
{
    const struct json *contact = json_member(account, "contact");

    if (json_count(contact) != o->session.email_count)
        return false;
    for (size_t i = 0; i < o->session.email_count; i++) {
        const char *has = json_text(json_element(contact, i));
        if (has == NULL ||
            strcmp(has, arena_printf(s->arena, "mailto:%s", o->session.emails[i])) != 0)
            return false;
    }
    return true;
}

static enum err update(struct session *s, const struct flow_options *o, struct arena *a,
                       struct span *known, struct err_info *why)
{
    AUTO(buf) struct buf b = buf_make(PAYLOAD_MAX);
    struct json_writer w = json_writer_make(&b);
    struct acme_reply now;

    TRY(acme_request_post(&s->peer, s->arena, s->peer.kid, span_of(""), &now, why));
    if (has_emails(s, now.json, o))
        return tell(s, now.json, true, a, known, why);
    json_write_begin_object(&w, NULL);
    json_write_begin_array(&w, "contact");
    for (size_t i = 0; i < o->session.email_count; i++)
        json_write_text(&w, NULL,
                        arena_printf(s->arena, "mailto:%s", o->session.emails[i]));
    json_write_end_array(&w);
    json_write_end_object(&w);
    return post(s, buf_span(&b), a, known, why);
}

/* RFC 8555 7.3.5. Whatever the answer, it is the CA's word on which key it knows that
 * counts: an answer may be lost, and the request was made all the same. */
static enum err change_key(struct session *s, struct err_info *why)
{
    const char *url = s->peer.directory.key_change;
    struct span inner = {0};
    struct acme_reply reply = {0};

    if (url == NULL)
        return err_set(why, ERR_REFUSED, "the CA does not let keys be changed");
    TRY(keeper_change(s->peer.keeper, s->arena, url, s->peer.kid, &inner, why));
    enum err result = acme_request_post(&s->peer, s->arena, url, inner, &reply, why);
    if (result == ERR_OK)
        return keeper_settle(s->peer.keeper, s->arena, true, why);
    if (result == ERR_INTERRUPTED)
        return result; /* the next run settles it */
    if (reply.status == 409 && reply.location != NULL)
        (void)err_set(why, result, "%.*s; the account %.200s has that key",
                      ERR_DETAIL_MAX / 2, why->detail, reply.location);
    struct err_info refusal = *why;
    const char *kid = s->peer.kid;
    bool next = false;
    if (session_settle(s, &next, why) != ERR_OK) {
        *why = refusal;
        return err_prefix(why,
                          "it is not known whether the CA has changed the key, which "
                          "the next command finds out");
    }
    s->peer.kid = kid;
    if (next)
        return ERR_OK;
    *why = refusal;
    return result;
}

static enum err rollover(struct session *s, struct arena *a, struct span *known,
                         struct err_info *why)
{
    TRY(change_key(s, why));
    report_step(s->report, "key", "the account has a new one");
    return post(s, span_of(""), a, known, why);
}

static enum err deactivate(struct session *s, struct arena *a, struct span *known,
                           struct err_info *why)
{
    TRY(post(s, span_of("{\"status\":\"deactivated\"}"), a, known, why));
    report_step(s->report, "account", "%s is deactivated", s->peer.kid);
    return ERR_OK;
}

enum err flow_account(struct session *s, const struct flow_options *o, struct arena *a,
                      struct span *known, struct err_info *why)
{
    switch (o->task) {
    case FLOW_REGISTER:
        TRY(session_need_account(s, why));
        return post(s, span_of(""), a, known, why);
    case FLOW_SHOW:
        TRY(need_known(s, why));
        return post(s, span_of(""), a, known, why);
    case FLOW_UPDATE:
        TRY(need_known(s, why));
        return update(s, o, a, known, why);
    case FLOW_ROLLOVER:
        TRY(need_known(s, why));
        return rollover(s, a, known, why);
    case FLOW_DEACTIVATE:
        TRY(need_known(s, why));
        return deactivate(s, a, known, why);
    case FLOW_RECOVER:
        TRY(session_find_account(s, why));
        return post(s, span_of(""), a, known, why);
    default:
        return err_set(why, ERR_PROTOCOL, "that is no task for an account");
    }
}

/* ---- revocation ---- */

enum err flow_account_revoke(struct session *s, const struct flow_options *o,
                             struct span *answer, struct err_info *why)
{
    const char *url = s->peer.directory.revoke_cert;
    AUTO(buf) struct buf b = buf_make(PAYLOAD_MAX);
    struct json_writer w = json_writer_make(&b);
    struct acme_reply reply;

    if (url == NULL)
        return err_set(why, ERR_REFUSED, "the CA does not let certificates be revoked");
    if (!o->with_key)
        TRY(need_known(s, why));
    json_write_begin_object(&w, NULL);
    json_write_base64url(&w, "certificate", o->certificate);
    if (o->reason >= 0)
        json_write_number(&w, "reason", o->reason);
    json_write_end_object(&w);
    s->peer.key = o->with_key ? KEEPER_CERTIFICATE : KEEPER_ACCOUNT;
    enum err result =
        acme_request_post(&s->peer, s->arena, url, buf_span(&b), &reply, why);
    s->peer.key = KEEPER_ACCOUNT;
    if (result == ERR_ALREADY_REVOKED) {
        report_step(s->report, "revoked", "before: %s", why->detail);
        *answer = span_of(FLOW_ACCOUNT_BEFORE);
        return ERR_OK;
    }
    return result;
}
