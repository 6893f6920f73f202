/* The order's way to a certificate. */
#include "client/flow/flow.h"

#include <stdlib.h>
#include <string.h>

#include "client/flow/flow_private.h"
#include "client/settings/name.h"
#include "core/acme/problem.h"
#include "core/base/base64url.h"
#include "core/base/clock.h"
#include "core/base/interrupt.h"
#include "core/json/json_write.h"
#include "core/x509/csr.h"

#define ORDER_MAX (64 * 1024) /* octets of a payload */
#define CSR_MAX   (64 * 1024)

enum err flow_wait(struct flow *f, int *round, struct err_info *why)
{
    int64_t wait_ms = (int64_t)FLOW_POLL_FIRST_MS << (*round < 8 ? *round : 8);

    if (wait_ms > FLOW_POLL_MAX_S * 1000LL)
        wait_ms = FLOW_POLL_MAX_S * 1000LL;
    if (f->retry_after > 0)
        wait_ms = f->retry_after * 1000;
    if (clock_monotonic_us() + wait_ms * 1000 > f->deadline_us) {
        (void)err_set(why, ERR_TIMEOUT,
                      "the CA has not decided yet, and wants to be asked again in "
                      "%lld s, which is more than the %d s this may take in all",
                      (long long)(wait_ms / 1000), FLOW_WAIT_MAX_S);
        why->retry_after_seconds = (int)f->retry_after;
        return ERR_TIMEOUT;
    }
    (*round)++;
    if (wait_ms >= FLOW_WAIT_TOLD_MS)
        report_step(f->report, "wait", "%lld s: the CA has not decided yet",
                    (long long)(wait_ms / 1000));
    if (!interrupt_sleep_ms(wait_ms))
        return err_set(why, ERR_INTERRUPTED, "interrupted");
    return ERR_OK;
}

/* ---- the order ---- */

static enum err order_failed(struct flow *f, const struct json *json,
                             struct err_info *why)
{
    const struct json *problem = json_member(json, "error");
    const char *detail = NULL;

    flow_caa_advise(f, json_text(json_member(problem, "type")), NULL);
    if (problem != NULL && json_take_text(problem, "detail", &detail, why) == ERR_OK &&
        detail != NULL)
        return err_set(why, ERR_REFUSED, "the order failed: %s", detail);
    return err_set(why, ERR_REFUSED, "the order failed; the CA gives no reason");
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
    const struct json *list = NULL;
    bool same = true;

    TRY(json_need_array(order, "identifiers", &list, why));
    for (size_t i = 0; i < f->name_count && same; i++) {
        const struct identifier mine = name_identifier(f->names[i]);
        same = false;
        for (size_t j = 0; j < json_count(list) && !same; j++)
            same = is_same(json_element(list, j), &mine);
    }
    if (!same || json_count(list) != f->name_count)
        return err_set(why, ERR_PROTOCOL, "the CA's order is for other names");
    return ERR_OK;
}

static enum err read_order(struct flow *f, const struct acme_reply *reply,
                           struct err_info *why)
{
    const struct json *list = NULL;
    const char *text = NULL;

    TRY(json_need_text(reply->json, "status", &text, why));
    if (!terms_read_order_status(text, &f->status))
        return err_set(why, ERR_PROTOCOL, "the order has the status \"%.50s\"", text);
    f->retry_after = reply->retry_after;
    if (f->status == ORDER_INVALID)
        return order_failed(f, reply->json, why);
    TRY(check_identifiers(f, reply->json, why));
    TRY(json_need_text(reply->json, "finalize", &f->finalize_url, why));
    TRY(json_take_text(reply->json, "certificate", &f->certificate_url, why));
    TRY(json_need_array(reply->json, "authorizations", &list, why));
    f->authorization_count = json_count(list);
    f->authorizations =
        arena_array(f->arena, f->authorization_count + 1, sizeof *f->authorizations);
    for (size_t i = 0; i < f->authorization_count; i++) {
        f->authorizations[i] = json_text(json_element(list, i));
        if (f->authorizations[i] == NULL)
            return err_set(why, ERR_PROTOCOL, "an authorization is no URL");
    }
    return ERR_OK;
}

static enum err make_order(struct flow *f, struct err_info *why)
{
    AUTO(buf) struct buf b = buf_make(ORDER_MAX);
    struct json_writer w = json_writer_make(&b);
    struct acme_reply reply;

    json_write_begin_object(&w, NULL);
    json_write_begin_array(&w, "identifiers");
    for (size_t i = 0; i < f->name_count; i++) {
        json_write_begin_object(&w, NULL);
        const struct identifier name = name_identifier(f->names[i]);
        json_write_text(&w, "type", terms_identifier_type(name.type));
        json_write_text(&w, "value", name.value);
        json_write_end_object(&w);
    }
    json_write_end_array(&w);
    json_write_end_object(&w);
    TRY(acme_request_post(&f->session->peer, f->arena, f->session->peer.new_order,
                          buf_span(&b), &reply, why));
    if (reply.location == NULL)
        return err_set(why, ERR_PROTOCOL, "the CA did not tell the order's URL");
    f->order_url = reply.location;
    TRY(read_order(f, &reply, why));
    report_step(f->report, "order", "%s", f->order_url);
    return ERR_OK;
}

/* Look at the order until it has left `status`. */
static enum err until_not(struct flow *f, enum order_status status, struct err_info *why)
{
    struct acme_reply reply;
    int round = 0;

    while (f->status == status) {
        TRY(flow_wait(f, &round, why));
        TRY(acme_request_post(&f->session->peer, f->arena, f->order_url, span_of(""),
                              &reply, why));
        TRY(read_order(f, &reply, why));
    }
    return ERR_OK;
}

/* All is proved; the CA's order may need another look to know it. */
static enum err until_ready(struct flow *f, struct err_info *why)
{
    struct acme_reply reply;

    if (f->status != ORDER_PENDING)
        return ERR_OK;
    TRY(acme_request_post(&f->session->peer, f->arena, f->order_url, span_of(""), &reply,
                          why));
    TRY(read_order(f, &reply, why));
    return until_not(f, ORDER_PENDING, why);
}

static enum err post_request(struct flow *f, struct span payload, struct err_info *why)
{
    struct acme_reply reply;

    TRY(acme_request_post(&f->session->peer, f->arena, f->finalize_url, payload, &reply,
                          why));
    return read_order(f, &reply, why);
}

static enum err send_request(struct flow *f, bool bare, struct err_info *why)
{
    struct span csr = span_of("");
    AUTO(buf) struct buf b = buf_make(2 * CSR_MAX);
    struct json_writer w = json_writer_make(&b);

    TRY(keeper_csr(f->session->peer.keeper, f->arena, bare, &csr, why));
    json_write_begin_object(&w, NULL);
    json_write_base64url(&w, "csr", csr);
    json_write_end_object(&w);
    enum err result = post_request(f, buf_span(&b), why);
    if (result != ERR_ORDER_NOT_READY)
        return result;
    f->status = ORDER_PENDING; /* it is read again and decides (RFC 8555 7.4) */
    TRY(until_not(f, ORDER_PENDING, why));
    /* else an earlier request, whose answer was lost, has finalized it */
    return f->status == ORDER_READY ? post_request(f, buf_span(&b), why) : ERR_OK;
}

static bool names_device(const struct flow *f)
{
    for (size_t i = 0; i < f->name_count; i++)
        if (name_is_device(f->names[i]))
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

static enum err finalize(struct flow *f, struct err_info *why)
{
    TRY(send_requests(f, why));
    TRY(until_not(f, ORDER_PROCESSING, why));
    if (f->status != ORDER_VALID || f->certificate_url == NULL)
        return err_set(why, ERR_PROTOCOL, "the order is %s after it was finalized",
                       terms_order_status(f->status));
    return ERR_OK;
}

static enum err run(struct flow *f, struct span *pem, struct err_info *why)
{
    struct acme_reply reply;

    TRY(make_order(f, why));
    if (f->status == ORDER_PENDING)
        TRY(flow_prove(f, why));
    TRY(until_ready(f, why));
    TRY(keeper_proved(f->session->peer.keeper, f->arena, why));
    TRY(finalize(f, why));
    TRY(acme_request_post(&f->session->peer, f->arena, f->certificate_url, span_of(""),
                          &reply, why));
    *pem = reply.body;
    return ERR_OK;
}

enum err flow_issue(struct session *session, const char *const *names, size_t count,
                    const struct challenge_list *challenges, const struct report *report,
                    struct arena *a, struct span *pem, struct err_info *why)
{
    struct flow f = {.session = session,
                     .report = report,
                     .arena = a,
                     .names = names,
                     .name_count = count,
                     .challenges = challenges,
                     .deadline_us = clock_monotonic_us() + FLOW_WAIT_MAX_S * 1000000LL};

    enum err result = run(&f, pem, why);
    if (result == ERR_CAA) /* at finalize */
        flow_caa_advise(&f, PROBLEM_URN "caa", NULL);
    return result;
}
