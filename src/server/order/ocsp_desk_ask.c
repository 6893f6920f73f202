/* OCSP requests on their way to an answer. */
#include <stdlib.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/base/memory.h"
#include "server/order/ocsp_desk_private.h"

/* What an exchange carries from its first step to the next. */
struct asked {
    struct ocsp_request request;
    struct ocsp_data data;
    struct ocsp_waiter *waiter;
    struct span tbs;
    const struct ocsp_responder *responder;
    struct span certificate; /* the responder's, as it was then */
};

static void refuse(struct ocsp_desk_answer *answer, enum ocsp_refusal refusal)
{
    *answer = (struct ocsp_desk_answer){.der = ocsp_refuse(refusal)};
}

static bool is_for_all(const struct asked *asked)
{
    return asked->data.count == 1 && asked->data.nonce.len == 0;
}

/* ---- from what is kept ---- */

static bool take_kept(struct ocsp_desk *desk, struct exchange *x, struct asked *asked,
                      struct ocsp_desk_answer *answer)
{
    uint8_t key[HASH_SHA256_SIZE];
    struct ocsp_kept *kept = NULL;
    bool found = false;

    pthread_mutex_lock(&desk->lock);
    if (is_for_all(asked))
        kept = ocsp_desk_place(desk, asked->data.singles[0].id.whole, key);
    if (kept != NULL && kept->der != NULL && memcmp(kept->key, key, sizeof key) == 0 &&
        ocsp_desk_is_right(kept, &asked->data.singles[0], clock_now())) {
        answer->der = arena_span(x->arena, span_make(kept->der, kept->len));
        answer->this_update = kept->this_update;
        answer->next_update = kept->next_update;
        answer->cached = true;
        found = true;
    }
    pthread_mutex_unlock(&desk->lock);
    return found;
}

static void keep(struct ocsp_desk *desk, const struct asked *asked,
                 const struct ocsp_desk_answer *answer)
{
    const struct ocsp_single *single = &asked->data.singles[0];
    uint8_t key[HASH_SHA256_SIZE];

    pthread_mutex_lock(&desk->lock);
    struct ocsp_kept *kept = ocsp_desk_place(desk, single->id.whole, key);
    /* not what one signed whose certificate was revoked meanwhile */
    if (kept != NULL && span_equal(asked->certificate, asked->responder->der)) {
        free(kept->der);
        *kept =
            (struct ocsp_kept){.der = memory_get(answer->der.len),
                               .len = answer->der.len,
                               .this_update = answer->this_update,
                               .next_update = answer->next_update,
                               .renew = answer->this_update +
                                        (answer->next_update - answer->this_update) / 2,
                               .status = single->status,
                               .reason = single->reason,
                               .revoked_at = single->revoked};
        memcpy(kept->key, key, sizeof key);
        memcpy(kept->der, answer->der.data, answer->der.len);
    }
    pthread_mutex_unlock(&desk->lock);
}

/* ---- from the signer ---- */

/* RFC 5019 2.2.4: an answer is good from now on, for as long as the settings say, but no
 * longer than its responder. */
static bool set_times(struct asked *asked, const struct ocsp_responder *r,
                      int64_t lifetime)
{
    int64_t now = clock_now();
    int64_t until = now + lifetime;

    if (until > r->not_after)
        until = r->not_after;
    asked->data.produced = now;
    for (size_t i = 0; i < asked->data.count; i++) {
        asked->data.singles[i].this_update = now;
        asked->data.singles[i].next_update = until;
    }
    return r->der.len > 0 && until > now;
}

static struct ocsp_waiter *take_place(struct ocsp_desk *desk, struct exchange *x)
{
    for (size_t i = 0; i < OCSP_DESK_WAITING_MAX; i++) {
        if (desk->waiters[i].id != 0)
            continue;
        desk->waiters[i] = (struct ocsp_waiter){.id = desk->next_id++, .x = x};
        return &desk->waiters[i];
    }
    return NULL;
}

/* Have it signed; false: not now. */
static bool sign(struct ocsp_desk *desk, struct exchange *x, struct asked *asked,
                 const struct ocsp_responder *r, struct err_info *why)
{
    bool sent = false;

    pthread_mutex_lock(&desk->lock);
    if (set_times(asked, r, desk->lifetime)) {
        asked->data.responder = arena_span(x->arena, span_make(r->name, OCSP_KEY_HASH));
        asked->certificate = arena_span(x->arena, r->der);
        asked->responder = r;
        if (ocsp_data_write(x->arena, &asked->data, &asked->tbs, why) == ERR_OK)
            asked->waiter = take_place(desk, x);
    }
    if (asked->waiter != NULL) {
        sent = desk->ports.sign(desk->ports.context, asked->waiter->id,
                                LINT_OCSP_RESPONSE, asked->tbs);
        if (!sent)
            asked->waiter->id = 0;
    }
    pthread_mutex_unlock(&desk->lock);
    return sent;
}

/* The signature is there, or is not to be waited for any longer. */
static void take_signature(struct ocsp_desk *desk, struct exchange *x,
                           struct asked *asked, struct ocsp_desk_answer *answer)
{
    uint8_t signature[OCSP_SIGNATURE_MAX];
    size_t len = 0;

    pthread_mutex_lock(&desk->lock);
    if (asked->waiter->done)
        len = asked->waiter->len;
    memcpy(signature, asked->waiter->signature, len);
    asked->waiter->id = 0;
    pthread_mutex_unlock(&desk->lock);
    if (len == 0) {
        refuse(answer, OCSP_TRY_LATER);
        return;
    }
    answer->der = ocsp_answer(x->arena, asked->tbs, KEY_SIGNATURE_ECDSA_SHA256,
                              span_make(signature, len), asked->certificate);
    answer->this_update = asked->data.singles[0].this_update;
    answer->next_update = asked->data.singles[0].next_update;
    answer->cached = is_for_all(asked);
    if (answer->cached)
        keep(desk, asked, answer);
}

static const struct ocsp_generation *generation(struct ocsp_desk *desk)
{
    pthread_mutex_lock(&desk->lock);
    const struct ocsp_generation *now = desk->now;
    pthread_mutex_unlock(&desk->lock);
    return now;
}

enum err ocsp_desk_ask(struct ocsp_desk *desk, struct exchange *x, struct span request,
                       exchange_step *step, struct ocsp_desk_answer *answer, bool *parked,
                       struct err_info *why)
{
    struct asked *asked = (struct asked *)(uintptr_t)x->step_data;
    struct err_info bad = {0};
    size_t issuer = 0;

    *parked = false;
    *answer = (struct ocsp_desk_answer){0};
    if (asked != NULL) {
        take_signature(desk, x, asked, answer);
        return ERR_OK;
    }
    asked = arena_get(x->arena, sizeof *asked);
    if (ocsp_request_read(request, &asked->request, &bad) != ERR_OK) {
        refuse(answer, OCSP_MALFORMED_REQUEST);
        return ERR_OK;
    }
    const struct ocsp_generation *g = generation(desk);
    enum err result = ocsp_status_find(x->session, &g->table, &asked->request,
                                       &asked->data, &issuer, why);
    if (result == ERR_UNAUTHORIZED) {
        refuse(answer, OCSP_UNAUTHORIZED);
        return ERR_OK;
    }
    TRY(result);
    if (desk->nonces)
        asked->data.nonce = asked->request.nonce;
    if (take_kept(desk, x, asked, answer))
        return ERR_OK;
    if (!sign(desk, x, asked, g->responders[issuer], why)) {
        refuse(answer, OCSP_TRY_LATER);
        return ERR_OK;
    }
    x->step_data = asked;
    exchange_park(x, step, clock_monotonic_us() + OCSP_DESK_WAIT_US);
    *parked = true;
    return ERR_OK;
}
