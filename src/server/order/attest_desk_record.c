/* What becomes of an attestation: the verdict, its evidence, its line. The statement
 * itself is kept nowhere (draft-ietf-acme-device-attest 7). */
#include <string.h>

#include "core/acme/problem.h"
#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/base/text.h"
#include "core/json/json_read.h"
#include "server/audit/audit.h"
#include "server/limit/limit_rules.h"
#include "server/order/attest_desk_private.h"
#include "server/order/device.h"
#include "server/order/evidence.h"
#include "server/store/store_attestation.h"
#include "server/store/store_notes.h"
#include "server/store/store_search.h"

#define SUBPROBLEM_MAX 8192 /* octets, of one with an identifier */

/* What is to be recorded; the texts are NULL where there is nothing to say. */
struct verdict {
    const struct attest_desk_question *question;
    const struct store_attestation *attestation; /* NULL: it is not valid */
    const char *problem;                         /* JSON, if it is not */
    const char *facts;                           /* JSON */
    int64_t begun_ms, ended_ms;
};

static const char *evidence_of(struct arena *a, const struct verdict *v)
{
    const bool good = v->attestation != NULL;
    const struct evidence_voice voice = {
        .name = EVIDENCE_LOCAL,
        .voice = good ? QUORUM_CORROBORATES : QUORUM_DIFFERS,
        .begun_ms = v->begun_ms,
        .ended_ms = v->ended_ms,
        .problem = v->problem,
        .steps = v->facts != NULL ? arena_printf(a, "[{\"attestation\":%s}]", v->facts)
                                  : "[]"};
    const struct evidence e = {
        .method = CHALLENGE_DEVICE_ATTEST_01, .good = good, .voices = &voice, .count = 1};

    return evidence_text(a, &e);
}

static void audit_verdict(const struct verdict *v, const char *evidence,
                          struct store_session *session)
{
    const struct attest_desk_question *q = v->question;
    struct audit_line l;

    audit_begin(&l, AUDIT_VALIDATION);
    json_write_number(&l.w, "authz", q->authz_id);
    json_write_number(&l.w, "account", q->account_id);
    json_write_text(&l.w, "identifier_type", terms_identifier_type(q->identifier.type));
    json_write_text(&l.w, "identifier", q->identifier.value);
    json_write_bool(&l.w, "wildcard", false);
    json_write_text(&l.w, "method", terms_challenge_type(CHALLENGE_DEVICE_ATTEST_01));
    json_write_text(&l.w, "result", v->attestation != NULL ? "valid" : "invalid");
    json_write_text(&l.w, "quorum", "none");
    if (v->attestation != NULL) {
        json_write_text(&l.w, "format",
                        attest_format_name((enum attest_format)v->attestation->format));
        audit_octets(&l, "key_hash",
                     span_make(v->attestation->key_hash, STORE_HASH_SIZE));
    }
    if (v->problem != NULL)
        json_write_raw(&l.w, "problem", span_of(v->problem));
    audit_digest(&l, "evidence_sha256", span_of(evidence));
    audit_end(&l, session);
}

static enum err keep(const struct verdict *v, struct store_session *session,
                     struct limit *limits, struct err_info *why)
{
    AUTO(arena) struct arena *a = arena_new();
    const struct attest_desk_question *q = v->question;
    const char *evidence = evidence_of(a, v);
    const bool good = v->attestation != NULL;

    store_notes_hold(session);
    audit_verdict(v, evidence, session);
    enum err result =
        good ? store_attestation_finish(session, q->authz_id, CHALLENGE_DEVICE_ATTEST_01,
                                        evidence, v->attestation, why)
             : store_attempt_finish(session, q->authz_id, CHALLENGE_DEVICE_ATTEST_01,
                                    STORE_VERDICT_INVALID, v->problem, evidence,
                                    clock_now(), why);
    store_notes_release(session);
    if (result != ERR_OK)
        return result;
    log_event(
        LOG_LEVEL_INFO, "order.attested", "authz=%lld account=%lld result=%s format=%s",
        (long long)q->authz_id, (long long)q->account_id, good ? "valid" : "invalid",
        good ? attest_format_name((enum attest_format)v->attestation->format) : "none");
    if (limits != NULL)
        limit_rules_validated(limits, session, q->account_id, q->identifier.value, good);
    return ERR_OK;
}

/* The problem, and whose identifier it is about if only that is wrong (RFC 8555 6.7.1).
 */
static const char *problem_of(struct arena *a, const struct attest_desk_question *q,
                              const struct err_info *refusal, bool differs)
{
    AUTO(buf) struct buf b = buf_make(SUBPROBLEM_MAX);
    struct json_writer w = json_writer_make(&b);
    struct err_info whole = *refusal;
    struct err_info part = {0};

    if (!differs)
        return problem_text(a, &whole);
    (void)err_set(
        &part, ERR_REJECTED_IDENTIFIER,
        "the attestation is of another device, or of one that it does not name");
    json_write_begin_array(&w, NULL);
    problem_add_subproblem(&w, &part, terms_identifier_type(q->identifier.type),
                           q->identifier.value);
    json_write_end_array(&w);
    whole.subproblems = b.failed ? NULL : arena_string_of(a, buf_span(&b));
    return problem_text(a, &whole);
}

enum err attest_desk_refuse(struct store_session *session, struct limit *limits,
                            const struct attest_desk_question *question,
                            const struct err_info *refusal, bool differs,
                            struct err_info *why)
{
    AUTO(arena) struct arena *a = arena_new();
    const int64_t now_ms = clock_now_ms();
    const struct verdict v = {.question = question,
                              .problem = problem_of(a, question, refusal, differs),
                              .begun_ms = now_ms,
                              .ended_ms = now_ms};

    return keep(&v, session, limits, why);
}

/* An attestation key that this CA certified itself (order/enroll_leaf.h) may be revoked,
 * which the validator does not know. */
static enum err check_attestation_key(const struct attest_desk_case *c,
                                      struct store_session *session,
                                      struct err_info *refusal)
{
    const struct json *facts = NULL;
    struct store_found *row = NULL;
    uint8_t serial[STORE_SERIAL_MAX];
    size_t len = 0;

    if (c->answer.format != ATTEST_TPM ||
        json_read(c->arena, span_of(c->answer.facts), &facts, NULL) != ERR_OK ||
        !text_unhex(json_span(json_member(facts, "serial")), serial, sizeof serial, &len))
        return ERR_OK;
    enum err result =
        store_search_serial(session, c->arena, span_make(serial, len), &row, refusal);
    if (result == ERR_NOT_FOUND)
        return ERR_OK;
    if (result == ERR_OK && row->issuance.order_id == 0 && row->revocation.at != 0)
        return err_set(refusal, ERR_BAD_ATTESTATION_STATEMENT,
                       "the certificate of the attestation key was revoked");
    return result;
}

/* True, and of keys that neither the store nor the inventory has anything against? */
static enum err judge(const struct attest_desk_case *c, struct store_session *session,
                      struct err_info *refusal)
{
    if (c->answer.code != ERR_OK)
        return err_set(refusal, c->answer.code, "%s", c->answer.detail);
    TRY(check_attestation_key(c, session, refusal));
    return device_check_key(c->question.known, c->question.known_count,
                            c->answer.key_hash, refusal);
}

enum err attest_desk_record(struct attest_desk_case *c, struct store_session *session,
                            struct limit *limits)
{
    struct store_attestation attestation = {.format = c->answer.format,
                                            .at = clock_now()};
    struct verdict v = {.question = &c->question,
                        .facts = c->answer.facts,
                        .begun_ms = c->begun_ms,
                        .ended_ms = c->ended_ms};
    struct err_info refusal = {0};
    struct err_info why = {0};

    memcpy(attestation.key_hash, c->answer.key_hash, STORE_HASH_SIZE);
    if (judge(c, session, &refusal) == ERR_OK)
        v.attestation = &attestation;
    else
        v.problem = problem_of(c->arena, &c->question, &refusal, c->answer.differs);
    enum err result = keep(&v, session, limits, &why);
    /* somebody decided otherwise meanwhile (a deactivation): that stands */
    if (result != ERR_OK && result != ERR_CONFLICT)
        log_event(LOG_LEVEL_ERROR, "attest.record_failed", "authz=%lld why=" LOG_QUOTE,
                  (long long)c->question.authz_id, why.detail);
    return result;
}
