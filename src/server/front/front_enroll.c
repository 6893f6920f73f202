/* The desk of enrolments, the validator, the signer and the store. */
#include <string.h>

#include "core/base/log.h"
#include "server/front/front_private.h"
#include "server/order/enroll_desk.h"

static bool ask_judgement(void *context, uint64_t id,
                          const struct enroll_desk_question *q)
{
    struct front *f = context;
    struct err_info why = {0};
    const struct message_enroll m = {.id = id,
                                     .ek = q->ek,
                                     .certificates = q->certificates,
                                     .public = q->public,
                                     .create_data = q->create_data,
                                     .create_attestation = q->create_attestation,
                                     .create_signature = q->create_signature,
                                     .manufacturer = span_of(q->manufacturer),
                                     .model = span_of(q->model),
                                     .version = span_of(q->version),
                                     .secret = q->secret};

    return ipc_channel_send_enroll(f->validator.channel, &m, &why) == ERR_OK;
}

static bool ask_signature(void *context, uint64_t id, struct span tbs)
{
    struct front *f = context;
    struct err_info why = {0};
    const struct message_sign m = {
        .id = id, .kind = LINT_ATTESTATION_CERTIFICATE, .tbs = tbs};

    return ipc_channel_send_sign(f->signer.channel, &m, &why) == ERR_OK;
}

/* On the loop. Without it the certificate is known by what was recorded before. */
static void keep(void *context, int64_t issuance_id, struct span certificate,
                 struct span issuers)
{
    struct front *f = context;
    struct err_info why = {0};

    store_session_begin(f->session);
    if (store_issuance_finish(f->session, issuance_id, certificate, issuers, &why) !=
        ERR_OK)
        log_event(LOG_LEVEL_ERROR, "enrollment.not_recorded", "why=" LOG_QUOTE,
                  why.detail);
}

void front_enroll_open(struct front *f)
{
    const struct enroll_desk_ports ports = {
        .context = f, .judge = ask_judgement, .sign = ask_signature, .keep = keep};

    f->services.enrollments = enroll_desk_new(f->services.store, &ports);
}

static bool is_ours(uint64_t id)
{
    return id >= ENROLL_DESK_FIRST && id <= ENROLL_DESK_LAST;
}

bool front_enroll_signed(struct front *f, const struct message_signed *m)
{
    if (!is_ours(m->id))
        return false;
    enroll_desk_signed(f->services.enrollments, m->id, m->certificate);
    return true;
}

bool front_enroll_refused(struct front *f, const struct message_sign_refused *m)
{
    AUTO(arena) struct arena *a = arena_new();

    if (!is_ours(m->id))
        return false;
    enroll_desk_refused(f->services.enrollments, m->id, arena_string_of(a, m->detail));
    return true;
}

enum err front_enroll_judged(struct front *f, const struct message_enrolled *m,
                             struct err_info *why)
{
    AUTO(arena) struct arena *a = arena_new();
    struct enroll_desk_verdict verdict = {.code = (enum err)m->code,
                                          .detail = arena_string_of(a, m->detail),
                                          .certified = m->certified != 0,
                                          .doubt = arena_string_of(a, m->doubt),
                                          .ak = m->ak,
                                          .manufacturer =
                                              arena_string_of(a, m->manufacturer),
                                          .model = arena_string_of(a, m->model),
                                          .version = arena_string_of(a, m->version),
                                          .credential = m->credential,
                                          .encrypted = m->encrypted};

    if (m->code < ERR_OK || m->code >= ERR_COUNT ||
        m->ek_sha256.len != sizeof verdict.ek_sha256)
        return err_set(why, ERR_PROTOCOL, "a judgement of no known kind");
    memcpy(verdict.ek_sha256, m->ek_sha256.data, sizeof verdict.ek_sha256);
    enroll_desk_judged(f->services.enrollments, m->id, &verdict);
    return ERR_OK;
}
