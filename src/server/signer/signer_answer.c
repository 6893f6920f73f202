/* The signer's answers. */
#include "server/signer/signer_answer.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/base/log.h"
#include "server/lint/lint.h"
#include "server/signer/signer_sealed.h"

/* ---- on disk ---- */

/* Nothing may leave whose lines a loss of power could take. */
static void sync_lines(struct signer_process *p)
{
    if (signer_audit_sync(p->audit))
        return;
    log_event(LOG_LEVEL_ERROR, "audit.sync_failed", "errno=%d", errno);
    abort();
}

static void sync_now(struct signer_process *p)
{
    if (!p->batches)
        sync_lines(p);
}

void signer_answer_hold(struct signer_process *p)
{
    if (p->batches)
        ipc_channel_hold(p->front);
}

void signer_answer_release(struct signer_process *p)
{
    struct err_info why = {0};

    signer_core_enter(p->core);
    if (p->batches)
        sync_lines(p);
    const struct message_audit_full full = {.number = signer_audit_next_number(p->audit)};
    signer_core_leave(p->core);
    if (p->batches && ipc_channel_release(p->front, &why) != ERR_OK)
        why = (struct err_info){0}; /* a front that is gone asks again */
    if (full.number > 0 && ipc_channel_send_audit_full(p->control, &full, &why) != ERR_OK)
        log_event(LOG_LEVEL_WARNING, "audit.segment_waits", "why=" LOG_QUOTE, why.detail);
}

void signer_answer_segment(struct signer_process *p,
                           const struct message_audit_segment *m)
{
    signer_core_enter(p->core);
    bool good = signer_audit_go_on(p->audit, (unsigned int)m->number, m->fd);
    signer_core_leave(p->core);
    if (good)
        return;
    log_event(LOG_LEVEL_ERROR, "audit.sync_failed", "errno=%d", errno);
    abort();
}

/* ---- answers ---- */

/* The signature alone: whose certificate stands beside it, the front knows. */
static enum err sign_answer(struct signer_process *p, const struct message_sign *question,
                            struct span *made, struct err_info *why)
{
    uint8_t *signature = arena_get(p->arena, KEY_SIGNATURE_MAX);
    size_t len = 0;

    TRY(signer_core_sign_answer(p->core, question->tbs, signature, &len, why));
    *made = span_make(signature, len);
    return ERR_OK;
}

static enum err answer_responder(struct signer_process *p,
                                 const struct message_responder *question,
                                 struct err_info *why)
{
    struct message_responder_key answer = {.issuer = question->issuer};
    struct err_info refusal = {0};

    size_t before = signer_core_responders(p->core);
    enum err result = signer_core_responder(p->core, question->issuer, question->instead,
                                            &answer.spki, &refusal);
    if (result == ERR_OK && signer_core_responders(p->core) > before)
        result =
            signer_audit_responder(p->audit, question->issuer, answer.spki, &refusal);
    if (result != ERR_OK)
        answer.spki = span_make(NULL, 0);
    sync_now(p);
    if (result != ERR_OK)
        log_event(LOG_LEVEL_ERROR, "signer.no_responder", "why=" LOG_QUOTE,
                  refusal.detail);
    return ipc_channel_send_responder_key(p->front, &answer, why);
}

static enum err sign(struct signer_process *p, const struct message_sign *question,
                     struct span *made, struct err_info *why)
{
    switch ((enum lint_kind)question->kind) {
    case LINT_OCSP_RESPONSE:
        return sign_answer(p, question, made, why);
    case LINT_CERTIFICATE:
    case LINT_PRECERTIFICATE:
    case LINT_RESPONDER_CERTIFICATE:
    case LINT_ATTESTATION_CERTIFICATE:
        return signer_core_sign(p->core, p->arena, (enum lint_kind)question->kind,
                                question->profile, question->tbs, made, why);
    case LINT_AUDIT_HEAD:
        return signer_audit_head(p->audit, p->arena, question->tbs, made, why);
    default:
        return err_set(why, ERR_LINT, "what is to be signed is of no known kind");
    }
}

/* Answers are many, and say what other lines say of a certificate: only what is refused
 * leaves a line. */
static enum err sign_answer_audited(struct signer_process *p,
                                    const struct message_sign *question,
                                    struct span *made, struct err_info *why)
{
    struct err_info unwritten = {0};
    enum err result = sign(p, question, made, why);

    if (result != ERR_OK && signer_audit_made(p->audit, question->id, span_make(NULL, 0),
                                              result, why, &unwritten) != ERR_OK)
        log_event(LOG_LEVEL_ERROR, "audit.not_written", "why=" LOG_QUOTE,
                  unwritten.detail);
    return result;
}

/* Nothing is signed that is not in the log first, and nothing leaves whose end is not. */
static enum err sign_audited(struct signer_process *p,
                             const struct message_sign *question, struct span *made,
                             struct err_info *why)
{
    struct err_info unwritten = {0};

    if (question->kind == LINT_AUDIT_HEAD)
        return sign(p, question, made, why);
    if (question->kind == LINT_OCSP_RESPONSE)
        return sign_answer_audited(p, question, made, why);
    TRY(signer_audit_asked(p->audit, question->id, question->kind, question->tbs, why));
    enum err result = sign(p, question, made, why);
    enum err written =
        signer_audit_made(p->audit, question->id, *made, result, why, &unwritten);
    if (result != ERR_OK || written == ERR_OK)
        return result;
    *why = unwritten;
    return written;
}

static enum err answer_sign(struct signer_process *p, const struct message_sign *question,
                            struct err_info *why)
{
    struct err_info refusal = {0};
    struct span certificate = {0};

    arena_reset(p->arena);
    enum err result = sign_audited(p, question, &certificate, &refusal);
    sync_now(p);
    if (result != ERR_OK) {
        log_event(LOG_LEVEL_ERROR, "signer.refused", "id=%llu why=" LOG_QUOTE,
                  (unsigned long long)question->id, refusal.detail);
        struct message_sign_refused refused = {.id = question->id,
                                               .code = (int64_t)result,
                                               .detail = span_of(refusal.detail)};
        return ipc_channel_send_sign_refused(p->front, &refused, why);
    }
    struct message_signed answer = {.id = question->id, .certificate = certificate};
    return ipc_channel_send_signed(p->front, &answer, why);
}

/* What is asked for stands in the log before it is signed, also if it is refused. */
static enum err judge_list(struct signer_process *p, const struct message_sign_list *m,
                           struct span octets, struct signer_list *list,
                           struct err_info *why)
{
    struct err_info unwritten = {0};
    enum err result = signer_core_read_list(p->core, octets, list, why);

    enum err written = result == ERR_OK
                           ? signer_audit_list(p->audit, m->id, list, &unwritten)
                           : signer_audit_asked(p->audit, m->id, LINT_REVOCATION_LIST,
                                                octets, &unwritten);
    if (result != ERR_OK || written == ERR_OK)
        return result;
    *why = unwritten;
    return written;
}

static enum err sign_list(struct signer_process *p, const struct message_sign_list *m,
                          uint8_t *signature, size_t *len, struct err_info *why)
{
    struct err_info unwritten = {0};
    struct signer_list list = {0};
    struct span map = {0};

    enum err result = signer_sealed_map(m->fd, m->offset, m->length, &map, why);
    if (result == ERR_OK)
        result = judge_list(p, m, span_slice(map, m->offset, m->length), &list, why);
    if (result == ERR_OK)
        result = signer_core_sign_list(p->core, &list, signature, len, why);
    if (map.len > 0)
        (void)munmap((void *)(uintptr_t)map.data, map.len);
    const struct span made =
        result == ERR_OK ? span_make(signature, *len) : span_make(NULL, 0);
    enum err written = signer_audit_made(p->audit, m->id, made, result, why, &unwritten);
    if (result != ERR_OK || written == ERR_OK)
        return result;
    *why = unwritten;
    return written;
}

static enum err answer_list(struct signer_process *p, const struct message_sign_list *m,
                            struct err_info *why)
{
    struct err_info refusal = {0};
    uint8_t signature[KEY_SIGNATURE_MAX];
    size_t len = 0;

    enum err result = sign_list(p, m, signature, &len, &refusal);
    sync_now(p);
    (void)close(m->fd);
    if (result != ERR_OK) {
        log_event(LOG_LEVEL_ERROR, "signer.list_refused", "id=%llu why=" LOG_QUOTE,
                  (unsigned long long)m->id, refusal.detail);
        struct message_sign_refused refused = {
            .id = m->id, .code = (int64_t)result, .detail = span_of(refusal.detail)};
        return ipc_channel_send_sign_refused(p->front, &refused, why);
    }
    struct message_list_signed answer = {.id = m->id,
                                         .signature = span_make(signature, len)};
    return ipc_channel_send_list_signed(p->front, &answer, why);
}

enum err signer_answer(struct signer_process *p, struct ipc_message *m,
                       struct err_info *why)
{
    if (m->type == IPC_SIGN)
        return answer_sign(p, &m->as_sign, why);
    if (m->type == IPC_SIGN_LIST)
        return answer_list(p, &m->as_sign_list, why);
    if (m->type == IPC_RESPONDER)
        return answer_responder(p, &m->as_responder, why);
    return err_set(why, ERR_PROTOCOL, "the front sent %s", ipc_type_name(m->type));
}
