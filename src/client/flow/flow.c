/* The way to a certificate. */
#include "client/flow/flow.h"

#include <string.h>

#include "client/flow/flow_private.h"
#include "core/acme/problem.h"
#include "core/base/clock.h"
#include "core/base/interrupt.h"

enum err flow_wait(struct flow *f, int *round, struct err_info *why)
{
    int64_t wait_ms = (int64_t)FLOW_POLL_FIRST_MS << (*round < 8 ? *round : 8);

    if (wait_ms > FLOW_POLL_MAX_S * 1000LL)
        wait_ms = FLOW_POLL_MAX_S * 1000LL;
    if (f->retry_after > 0)
        wait_ms = f->retry_after * 1000;
    if (clock_monotonic_us() + wait_ms * 1000 > f->session->peer.end_us) {
        (void)err_set(why, ERR_TIMEOUT,
                      "the CA has not decided yet, and wants to be asked again in "
                      "%lld s, which is more than the %d s this may take in all",
                      (long long)(wait_ms / 1000), SESSION_TIME_MAX_S);
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

enum err flow_post(struct flow *f, struct arena *a, const char *url, struct span payload,
                   struct acme_reply *reply, struct err_info *why)
{
    TRY(acme_request_post(&f->session->peer, a, url, payload, reply, why));
    if (!json_is_object(reply->json))
        return err_set(why, ERR_PROTOCOL,
                       "%.200s answered with something that is no JSON object", url);
    return ERR_OK;
}

enum err flow_blame(enum err result, const char *what, struct err_info *why)
{
    if (result != ERR_MALFORMED)
        return result;
    why->code = ERR_PROTOCOL;
    return err_prefix(why, "%s", what);
}

/* Do problems of that type tell of a validation, rather than of a request? */
static bool is_of_validation(enum err code)
{
    return code == ERR_CONNECTION || code == ERR_DNS || code == ERR_TLS ||
           code == ERR_INCORRECT_RESPONSE || code == ERR_UNAUTHORIZED ||
           code == ERR_BAD_ATTESTATION_STATEMENT || code == ERR_REFUSED ||
           code == ERR_MALFORMED;
}

enum err flow_problem(const struct json *problem, const char *about, struct err_info *why)
{
    const char *detail = json_text(json_member(problem, "detail"));
    const char *type = json_text(json_member(problem, "type"));
    enum err code = ERR_REFUSED;

    if (type != NULL && strncmp(type, PROBLEM_URN, strlen(PROBLEM_URN)) == 0) {
        type += strlen(PROBLEM_URN);
        code = err_from_acme_type(type, strlen(type));
    }
    if (is_of_validation(code))
        code = ERR_VALIDATION;
    return err_set(why, code, "%s: %s (%.50s)", about,
                   detail != NULL ? detail : "the CA gives no reason",
                   type != NULL ? type : "no type");
}

static enum err run(struct flow *f, struct span *pem, struct err_info *why)
{
    TRY(flow_order_make(f, why));
    if (f->status == ORDER_PENDING)
        TRY(flow_prove(f, why));
    TRY(flow_order_await(f, why));
    TRY(keeper_proved(f->session->peer.keeper, f->arena, why));
    TRY(flow_order_finish(f, why));
    return flow_chain_take(f, pem, why);
}

enum err flow_issue(struct session *session, const struct flow_options *options,
                    const struct report *report, struct arena *a, struct span *pem,
                    struct err_info *why)
{
    struct flow f = {
        .session = session, .options = options, .report = report, .arena = a};

    enum err result = run(&f, pem, why);
    if (result == ERR_CAA && !f.caa_told) /* at finalize */
        flow_caa_advise(&f, PROBLEM_URN "caa", NULL);
    return result;
}
