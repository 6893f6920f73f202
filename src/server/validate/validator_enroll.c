/* Enrolment of attestation keys in the validator. */
#include "server/validate/validator_enroll.h"

#include "core/attest/enrollment.h"
#include "core/base/clock.h"
#include "core/crypto/der_read.h"
#include "server/settings/settings_enrollment.h"

enum err validator_enroll_read(struct validator_enroll *e, struct arena *a,
                               const struct settings *settings, struct err_info *why)
{
    struct span roots = {0};

    if (settings_enrollment_is_on(settings))
        TRY(settings_enrollment_roots(a, settings, &roots, why));
    e->roots = roots;
    return ERR_OK;
}

/* One DER behind the other, taken apart. */
static enum err split(struct span certificates, struct span *list, size_t *count,
                      struct err_info *why)
{
    struct der_reader r = der_read_start(certificates, 1);

    *count = 0;
    while (der_read_more(&r)) {
        struct span one = der_read_element(&r);
        if (*count == ENROLLMENT_CERTIFICATES_MAX)
            return err_set(why, ERR_MALFORMED, "there are more than %d EK certificates",
                           ENROLLMENT_CERTIFICATES_MAX);
        if (one.len > 0)
            list[(*count)++] = one;
    }
    return der_read_finish(&r, ERR_MALFORMED, "ekCerts", why);
}

static enum err judge(const struct validator_enroll *e, struct arena *a,
                      const struct message_enroll *m, struct enrollment_answer *answer,
                      struct err_info *why)
{
    struct span certificates[ENROLLMENT_CERTIFICATES_MAX];
    struct enrollment_question question = {
        .ek = m->ek,
        .ek_certificates = certificates,
        .public = m->public,
        .create_data = m->create_data,
        .create_attestation = m->create_attestation,
        .create_signature = m->create_signature,
        .claimed = {m->manufacturer, m->model, m->version},
        .roots = e->roots,
        .secret = m->secret,
        .now = clock_now()};

    TRY(split(m->certificates, certificates, &question.ek_certificate_count, why));
    return enrollment_judge(a, &question, answer, why);
}

enum err validator_enroll_answer(const struct validator_enroll *e,
                                 struct ipc_channel *front,
                                 const struct message_enroll *m, struct err_info *why)
{
    AUTO(arena) struct arena *a = arena_new();
    struct enrollment_answer answer = {0};
    struct err_info bad = {0};
    enum err result = judge(e, a, m, &answer, &bad);

    if (result != ERR_OK)
        answer = (struct enrollment_answer){0};
    const struct message_enrolled reply = {
        .id = m->id,
        .code = (int64_t)result,
        .detail = span_of(bad.detail),
        .certified = answer.certified,
        .doubt = span_of(answer.doubt),
        .ek_sha256 = span_make(answer.ek_sha256, sizeof answer.ek_sha256),
        .ak = answer.ak,
        .manufacturer = answer.tpm.manufacturer,
        .model = answer.tpm.model,
        .version = answer.tpm.version,
        .credential = answer.credential.blob,
        .encrypted = answer.credential.secret};
    return ipc_channel_send_enrolled(front, &reply, why);
}
