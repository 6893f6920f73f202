/* The order. */
#include <string.h>

#include "client/flow/flow_private.h"
#include "client/settings/name.h"
#include "core/base/clock.h"
#include "core/json/json_write.h"
#include "core/x509/csr.h"

#define ORDER_MAX (128 * 1024) /* octets of a payload */
#define LIST_MAX  300          /* octets of a list in a sentence */

static enum err order_failed(struct flow *f, const struct json *json,
                             struct err_info *why)
{
    const struct json *problem = json_member(json, "error");

    flow_caa_advise(f, json_text(json_member(problem, "type")), NULL);
    if (problem == NULL)
        return err_set(why, ERR_REFUSED, "the order failed; the CA gives no reason");
    return flow_problem(problem, "the order failed", why);
}

static bool is_same(const struct json *theirs, const struct identifier *mine)
{
    const char *type = json_text(json_member(theirs, "type"));
    struct identifier read = {.value = json_text(json_member(theirs, "value"))};

    return type != NULL && read.value != NULL &&
           terms_read_identifier_type(type, &read.type) && name_equal(&read, mine);
}

/* The order as the CA took it down: exactly our names, in any order (RFC 8555 7.4). */
static enum err check_identifiers(struct flow *f, const struct json *order,
                                  struct err_info *why)
{
    const struct flow_options *o = f->options;
    const struct json *list = NULL;

    TRY(json_need_array(order, "identifiers", &list, why));
    bool same = json_count(list) == o->name_count;
    for (size_t i = 0; i < o->name_count && same; i++) {
        const struct identifier mine = name_identifier(o->names[i]);
        same = false;
        for (size_t j = 0; j < json_count(list) && !same; j++)
            same = is_same(json_element(list, j), &mine);
    }
    if (!same)
        return err_set(why, ERR_PROTOCOL, "the CA's order is for other names");
    return ERR_OK;
}

/* An order whose authorizations are others than before is not the one that was made (RFC
 * 8555 7.1.3). */
static enum err check_authorizations(const struct flow *f, const struct json *list,
                                     struct err_info *why)
{
    bool same = json_count(list) == f->authorization_count;

    for (size_t i = 0; i < f->authorization_count && same; i++) {
        same = false;
        for (size_t j = 0; j < json_count(list) && !same; j++) {
            const char *url = json_text(json_element(list, j));
            same = url != NULL && strcmp(url, f->authorizations[i]) == 0;
        }
    }
    return same ? ERR_OK
                : err_set(why, ERR_PROTOCOL,
                          "the CA's order has other authorizations than before");
}

static enum err read_authorizations(struct flow *f, const struct json *order,
                                    struct err_info *why)
{
    const struct json *list = NULL;

    TRY(json_need_array(order, "authorizations", &list, why));
    size_t count = json_count(list);
    if (count > FLOW_AUTHORIZATIONS_MAX)
        return err_set(why, ERR_PROTOCOL,
                       "the CA wants %zu authorizations for %zu names, which is absurd",
                       count, f->options->name_count);
    if (f->authorizations != NULL)
        return check_authorizations(f, list, why);
    const char **urls = arena_array(f->arena, count + 1, sizeof *urls);
    for (size_t i = 0; i < count; i++) {
        const char *url = json_text(json_element(list, i));
        if (url == NULL)
            return err_set(why, ERR_PROTOCOL, "an authorization is no URL");
        urls[i] = arena_string(f->arena, url);
    }
    f->authorizations = urls;
    f->authorization_count = count;
    return ERR_OK;
}

static const char *kept(struct flow *f, const char *known, const char *text)
{
    if (text == NULL || (known != NULL && strcmp(known, text) == 0))
        return known;
    return arena_string(f->arena, text);
}

enum err flow_order_read(struct flow *f, const struct json *order, struct err_info *why)
{
    const char *text = NULL;
    const char *finalize = NULL;
    const char *certificate = NULL;

    TRY(json_need_text(order, "status", &text, why));
    if (!terms_read_order_status(text, &f->status))
        return err_set(why, ERR_PROTOCOL, "the order has the status \"%.50s\"", text);
    if (f->status == ORDER_INVALID)
        return order_failed(f, order, why);
    TRY(check_identifiers(f, order, why));
    TRY(json_need_text(order, "finalize", &finalize, why));
    TRY(json_take_text(order, "certificate", &certificate, why));
    TRY(acme_directory_check(&f->session->peer.directory, finalize, why));
    f->finalize_url = kept(f, f->finalize_url, finalize);
    f->certificate_url = kept(f, f->certificate_url, certificate);
    return read_authorizations(f, order, why);
}

static enum err read_order(struct flow *f, const struct acme_reply *reply,
                           struct err_info *why)
{
    f->retry_after = reply->retry_after;
    return flow_blame(flow_order_read(f, reply->json, why), "the CA's order", why);
}

/* POST to a URL that answers with the order. */
static enum err post(struct flow *f, const char *url, struct span payload,
                     struct err_info *why)
{
    AUTO(arena) struct arena *a = arena_new();
    struct acme_reply reply;

    TRY(flow_post(f, a, url, payload, &reply, why));
    return read_order(f, &reply, why);
}

/* Look at the order until it has left `status`. */
static enum err until_not(struct flow *f, enum order_status status, struct err_info *why)
{
    int round = 0;

    while (f->status == status) {
        TRY(flow_wait(f, &round, why));
        TRY(post(f, f->order_url, span_of(""), why));
    }
    return ERR_OK;
}

enum err flow_order_await(struct flow *f, struct err_info *why)
{
    if (f->status != ORDER_PENDING)
        return ERR_OK;
    TRY(post(f, f->order_url, span_of(""), why)); /* it may not have been told yet */
    return until_not(f, ORDER_PENDING, why);
}

/* ---- making it ---- */

/* The profile to ask for: one that the CA has (draft-aaron-acme-profiles 4), or NULL. */
static enum err choose_profile(struct flow *f, const char **profile, struct err_info *why)
{
    const struct acme_directory *d = &f->session->peer.directory;
    const struct flow_options *o = f->options;
    AUTO(buf) struct buf list = buf_make(LIST_MAX);

    *profile = o->profile;
    if (o->profile == NULL || acme_directory_has_profile(d, o->profile))
        return ERR_OK;
    for (size_t i = 0; i < d->profile_count; i++)
        buf_printf(&list, "%s%.50s", i > 0 ? ", " : "", d->profiles[i]);
    if (d->profile_count == 0)
        buf_add_text(&list, "none");
    if (o->profile_required)
        return err_set(why, ERR_INVALID_PROFILE,
                       "the CA has no profile \"%.100s\"; it has: %.*s", o->profile,
                       (int)list.len, (const char *)list.data);
    *profile = NULL;
    report_step(f->report, "profile", "the CA has no \"%s\", so none is asked for",
                o->profile);
    return ERR_OK;
}

static void write_order(struct flow *f, struct buf *b, const char *profile,
                        bool with_replaces)
{
    const struct flow_options *o = f->options;
    struct json_writer w = json_writer_make(b);

    json_write_begin_object(&w, NULL);
    json_write_begin_array(&w, "identifiers");
    for (size_t i = 0; i < o->name_count; i++) {
        const struct identifier name = name_identifier(o->names[i]);
        json_write_begin_object(&w, NULL);
        json_write_text(&w, "type", terms_identifier_type(name.type));
        json_write_text(&w, "value", name.value);
        json_write_end_object(&w);
    }
    json_write_end_array(&w);
    if (profile != NULL)
        json_write_text(&w, "profile", profile);
    if (o->lifetime > 0)
        json_write_time(&w, "notAfter", clock_now() + o->lifetime);
    if (with_replaces && o->replaces != NULL)
        json_write_text(&w, "replaces", o->replaces);
    json_write_end_object(&w);
}

static enum err order_once(struct flow *f, struct arena *a, const char *profile,
                           bool with_replaces, struct acme_reply *reply,
                           struct err_info *why)
{
    AUTO(buf) struct buf b = buf_make(ORDER_MAX);

    write_order(f, &b, profile, with_replaces);
    return flow_post(f, a, f->session->peer.directory.new_order, buf_span(&b), reply,
                     why);
}

/* Is that why the CA refused? Not every CA has a type of its own for it; whatever it is,
 * a renewal must not fail for a courtesy (RFC 9773 5). */
static bool is_about_replaces(enum err result, const struct err_info *why)
{
    if (result == ERR_ALREADY_REPLACED || result == ERR_MALFORMED ||
        result == ERR_CONFLICT)
        return true;
    return err_retry(result) == ERR_RETRY_NEVER && result != ERR_PROTOCOL &&
           (strstr(why->detail, "replace") != NULL || strstr(why->detail, "ARI") != NULL);
}

enum err flow_order_make(struct flow *f, struct err_info *why)
{
    AUTO(arena) struct arena *a = arena_new();
    struct acme_reply reply;
    const char *profile = NULL;

    TRY(choose_profile(f, &profile, why));
    enum err result = order_once(f, a, profile, true, &reply, why);
    if (result != ERR_OK && f->options->replaces != NULL &&
        is_about_replaces(result, why)) {
        report_step(f->report, "order",
                    "again, without saying which certificate it replaces: %s",
                    why->detail);
        result = order_once(f, a, profile, false, &reply, why);
    }
    TRY(result);
    if (reply.location == NULL)
        return err_set(why, ERR_PROTOCOL, "the CA did not tell the order's URL");
    TRY(acme_directory_check(&f->session->peer.directory, reply.location, why));
    f->order_url = arena_string(f->arena, reply.location);
    TRY(read_order(f, &reply, why));
    report_step(f->report, "order", "%s", f->order_url);
    return ERR_OK;
}

/* ---- finalizing it ---- */

static enum err send_request(struct flow *f, bool bare, struct err_info *why)
{
    struct span csr = span_of("");
    AUTO(buf) struct buf b = buf_make(2 * CSR_MAX);
    struct json_writer w = json_writer_make(&b);

    TRY(keeper_csr(f->session->peer.keeper, f->arena, bare, &csr, why));
    json_write_begin_object(&w, NULL);
    json_write_base64url(&w, "csr", csr);
    json_write_end_object(&w);
    enum err result = post(f, f->finalize_url, buf_span(&b), why);
    if (result != ERR_ORDER_NOT_READY)
        return result;
    f->status = ORDER_PENDING; /* it is read again and decides (RFC 8555 7.4) */
    TRY(until_not(f, ORDER_PENDING, why));
    /* else an earlier request, whose answer was lost, has finalized it */
    return f->status == ORDER_READY ? post(f, f->finalize_url, buf_span(&b), why)
                                    : ERR_OK;
}

static bool names_device(const struct flow *f)
{
    for (size_t i = 0; i < f->options->name_count; i++)
        if (name_is_device(f->options->names[i]))
            return true;
    return false;
}

/* A CA that keeps names of devices out of its certificates may refuse requests that have
 * them (draft-ietf-acme-device-attest-09 3.2): a bare one is tried then. What was wrong
 * with the first is told if that helps no more. */
static enum err send_requests(struct flow *f, struct err_info *why)
{
    enum err result = send_request(f, false, why);

    if (result != ERR_BAD_CSR || !names_device(f))
        return result;
    struct err_info first = *why;
    result = send_request(f, true, why);
    if (result == ERR_BAD_CSR)
        *why = first;
    else if (result == ERR_OK)
        report_step(f->report, "private", "the CA leaves the device's name out");
    return result;
}

enum err flow_order_finish(struct flow *f, struct err_info *why)
{
    if (f->status == ORDER_READY)
        TRY(send_requests(f, why));
    TRY(until_not(f, ORDER_PROCESSING, why));
    if (f->status != ORDER_VALID || f->certificate_url == NULL)
        return err_set(why, ERR_PROTOCOL, "the order is %s after it was finalized",
                       terms_order_status(f->status));
    return ERR_OK;
}
