/* Enrolment of attestation keys: a credential for the TPM, and the certificate for who
 * comes back with its secret (docs/devices.md). No resource of ACME, and no account asks.
 */
#include <string.h>

#include "core/base/base64.h"
#include "core/base/clock.h"
#include "core/base/random.h"
#include "core/base/secret.h"
#include "core/base/text.h"
#include "core/json/json_write.h"
#include "server/audit/audit.h"
#include "server/issue/issuer.h"
#include "server/limit/limit_rules.h"
#include "server/order/enroll_desk.h"
#include "server/order/enroll_leaf.h"
#include "server/policy/policy.h"
#include "server/resource/enrollment_request.h"
#include "server/resource/render.h"
#include "server/resource/resource.h"

#define SECRET_SIZE     32 /* octets */
#define RETRY_AFTER     5  /* seconds */
#define BASE64_TEXT_MAX 4096

/* What a parked exchange keeps. */
struct enrolling {
    struct enroll_desk_waiter *waiter;
    uint8_t secret[SECRET_SIZE];
    const struct issuer *issuer;
    struct store_issuance issuance;
};

static enum err attest_judged(struct exchange *x, struct err_info *why);
static enum err secret_signed(struct exchange *x, struct err_info *why);

static enum err check_offered(const struct exchange *x, struct err_info *why)
{
    if (!x->directory->attestation_enrollment)
        return err_set(why, ERR_NOT_FOUND, "there is nothing at %.200s", x->path);
    return ERR_OK;
}

static enum err refuse_late(struct err_info *why)
{
    (void)err_set(why, ERR_UNAVAILABLE, "this takes too long just now; try again later");
    why->retry_after_seconds = RETRY_AFTER;
    return ERR_UNAVAILABLE;
}

static const char *base64_text(struct arena *a, struct span octets)
{
    AUTO(buf) struct buf b = buf_make(2 * octets.len + BASE64_TEXT_MAX);

    base64_add(&b, octets);
    return arena_string_of(a, buf_span(&b));
}

/* ---- audit ---- */

/* A line of either step; `device` NULL: it is not known. */
static void note(struct exchange *x, const char *step,
                 const struct store_enrollment *enrollment,
                 const struct store_identifier *device,
                 const struct store_issuance *issuance, enum err result,
                 const struct err_info *why)
{
    struct audit_line l;

    audit_begin(&l, AUDIT_ENROLLMENT);
    json_write_text(&l.w, "step", step);
    json_write_text(&l.w, "directory", x->directory->name);
    if (enrollment != NULL) {
        audit_octets(&l, "ek_sha256", span_make(enrollment->ek_hash, STORE_HASH_SIZE));
        audit_digest(&l, "ak_sha256", enrollment->ak);
        json_write_bool(&l.w, "certified", enrollment->certified);
    }
    if (device != NULL)
        json_write_text(&l.w, "device", device->value);
    if (issuance != NULL) {
        json_write_number(&l.w, "issuance", issuance->id);
        audit_octets(&l, "serial", span_make(issuance->serial, issuance->serial_len));
        audit_digest(&l, "tbs_sha256", issuance->tbs);
    }
    audit_result(&l, result, why);
    audit_end(&l, x->session);
}

/* ---- the credential ---- */

enum err resource_attest(struct exchange *x, struct err_info *why)
{
    struct enrolling *e = arena_get(x->arena, sizeof *e);
    struct enroll_desk_question question = {0};

    TRY(check_offered(x, why));
    TRY(limit_rules_enrollment(x->services->limits, x->arena, x->peer, why));
    TRY(enrollment_request_read(x, &question, why));
    random_fill(e->secret, sizeof e->secret);
    question.secret = span_make(e->secret, sizeof e->secret);
    x->step_data = e;
    return enroll_desk_judge(x->services->enrollments, x, attest_judged, &question,
                             &e->waiter, why);
}

/* Remember what was judged, until the secret comes back. */
static enum err keep(struct exchange *x, const struct enroll_desk_verdict *verdict,
                     struct store_enrollment *row, struct err_info *why)
{
    struct store_identifier device = {0};
    int64_t now = clock_now();

    TRY(enroll_leaf_device(x->session, x->arena, x->services->settings, row,
                           verdict->doubt, &device, why));
    row->expires = now + x->services->settings->ak_secret_lifetime / 1000;
    store_notes_hold(x->session);
    enum err result = store_enrollment_add(x->session, row, now, why);
    if (result == ERR_OK)
        note(x, "attest", row, &device, NULL, ERR_OK, NULL);
    store_notes_release(x->session);
    return result;
}

static enum err attest_judged(struct exchange *x, struct err_info *why)
{
    struct enrolling *e = (struct enrolling *)(uintptr_t)x->step_data;
    struct enroll_desk_verdict verdict = {0};
    struct store_enrollment row = {.directory = x->directory->name};
    struct span none = {0};

    enum enroll_desk_state state =
        enroll_desk_take(x->services->enrollments, x, e->waiter, &verdict, &none);
    if (state == ENROLL_DESK_WAITS)
        return ERR_OK;
    if (state == ENROLL_DESK_LATE)
        return refuse_late(why);
    if (verdict.code != ERR_OK) {
        (void)err_set(why, verdict.code, "%s", verdict.detail);
        note(x, "attest", NULL, NULL, NULL, verdict.code, why);
        return verdict.code;
    }
    hash_sha256(span_make(e->secret, sizeof e->secret), row.secret_hash);
    explicit_bzero(e->secret, sizeof e->secret);
    memcpy(row.ek_hash, verdict.ek_sha256, sizeof row.ek_hash);
    row.certified = verdict.certified;
    row.ak = verdict.ak;
    row.manufacturer = verdict.manufacturer;
    row.model = verdict.model;
    row.version = verdict.version;
    enum err result = keep(x, &verdict, &row, why);
    if (result != ERR_OK) {
        note(x, "attest", &row, NULL, NULL, result, why);
        return result;
    }
    struct json_writer w = json_writer_make(&x->reply.body);
    json_write_begin_object(&w, NULL);
    json_write_text(&w, "credential", base64_text(x->arena, verdict.credential));
    json_write_text(&w, "secret", base64_text(x->arena, verdict.encrypted));
    json_write_end_object(&w);
    exchange_reply_set(x, 200, RENDER_JSON);
    return ERR_OK;
}

/* ---- the certificate ---- */

/* The enrolment that the secret is of; a directory's are nobody else's. */
static enum err find(struct exchange *x, struct store_enrollment **row,
                     struct err_info *why)
{
    struct err_info gone = {0};
    struct span secret = {0};
    uint8_t hash[HASH_SHA256_SIZE];

    TRY(enrollment_request_secret(x, &secret, why));
    hash_sha256(secret, hash);
    enum err result =
        store_enrollment_find(x->session, x->arena, hash, clock_now(), row, &gone);
    if (result == ERR_OK && strcmp((*row)->directory, x->directory->name) != 0)
        result = ERR_NOT_FOUND;
    if (result == ERR_NOT_FOUND)
        return err_set(why, ERR_UNAUTHORIZED,
                       "the secret is of no enrolment that waits for it: it is wrong, "
                       "was used before, or came too late");
    if (result != ERR_OK)
        return err_set(why, result, "%s", gone.detail);
    return ERR_OK;
}

static enum err find_issuer(const struct exchange *x, const struct key *key,
                            const struct issuer **issuer, struct err_info *why)
{
    const char *name = x->services->settings->ak_issuer;

    if (name[0] == '\0')
        return resource_issuer(x, NULL, key_type(key), issuer, why);
    *issuer = issuer_set_find(x->services->issuers, name);
    if (*issuer == NULL)
        return err_set(why, ERR_UNAVAILABLE,
                       "the issuer of attestation keys is not there");
    return ERR_OK;
}

/* The certificate is written, and the secret used up. */
static enum err begin(struct exchange *x, struct enrolling *e,
                      const struct store_enrollment *row, struct store_identifier *device,
                      struct err_info *why)
{
    AUTO(key) struct key *key = NULL;

    TRY(enroll_leaf_device(x->session, x->arena, x->services->settings, row,
                           "it did when the credential was made", device, why));
    TRY(key_from_spki(row->ak, &key, why));
    TRY(resource_key_not_blocked(x, key, why));
    TRY(policy_subject_key(x->services->key_lists, key, NULL, why));
    TRY(find_issuer(x, key, &e->issuer, why));
    TRY(enroll_leaf_write(x->arena, x->services->settings, e->issuer, row, device, key,
                          clock_now(), &e->issuance, why));
    store_notes_hold(x->session);
    enum err result =
        store_enrollment_use(x->session, row->secret_hash, &e->issuance, device, why);
    if (result == ERR_OK)
        note(x, "secret", row, device, &e->issuance, ERR_OK, NULL);
    store_notes_release(x->session);
    return result;
}

enum err resource_secret(struct exchange *x, struct err_info *why)
{
    struct enrolling *e = arena_get(x->arena, sizeof *e);
    struct store_identifier device = {0};
    struct store_enrollment *row = NULL;

    TRY(check_offered(x, why));
    TRY(limit_rules_enrollment(x->services->limits, x->arena, x->peer, why));
    enum err result = find(x, &row, why);
    if (result == ERR_OK && enroll_desk_is_full(x->services->enrollments))
        return refuse_late(why);
    if (result == ERR_OK)
        result = begin(x, e, row, &device, why);
    if (result != ERR_OK) {
        if (row != NULL) /* a secret of nothing is nobody's news */
            note(x, "secret", row, NULL, NULL, result, why);
        return result;
    }
    x->step_data = e;
    return enroll_desk_sign(x->services->enrollments, x, secret_signed, &e->issuance,
                            e->issuer->chain_der, &e->waiter, why);
}

static enum err write_chain(struct exchange *x, struct span certificate,
                            struct span issuers, struct err_info *why)
{
    struct json_writer w = json_writer_make(&x->reply.body);
    struct der_reader r = der_read_start(issuers, 1);

    json_write_begin_object(&w, NULL);
    json_write_begin_array(&w, "chain");
    json_write_text(&w, NULL, base64_text(x->arena, certificate));
    while (der_read_more(&r))
        json_write_text(&w, NULL, base64_text(x->arena, der_read_element(&r)));
    json_write_end_array(&w);
    json_write_end_object(&w);
    TRY(der_read_finish(&r, ERR_INTERNAL, "the issuer's chain", why));
    exchange_reply_set(x, 200, RENDER_JSON);
    return ERR_OK;
}

static void note_certificate(struct exchange *x, int64_t issuance,
                             struct span certificate, enum err result,
                             const struct err_info *why)
{
    struct audit_line l;

    audit_begin(&l, AUDIT_CERTIFICATE);
    json_write_number(&l.w, "issuance", issuance);
    if (certificate.len > 0)
        audit_digest(&l, "certificate_sha256", certificate);
    audit_result(&l, result, why);
    audit_end(&l, x->session);
}

static enum err secret_signed(struct exchange *x, struct err_info *why)
{
    struct enrolling *e = (struct enrolling *)(uintptr_t)x->step_data;
    struct enroll_desk_verdict none = {0};
    struct span certificate = {0};

    enum enroll_desk_state state =
        enroll_desk_take(x->services->enrollments, x, e->waiter, &none, &certificate);
    if (state == ENROLL_DESK_WAITS)
        return ERR_OK;
    if (state == ENROLL_DESK_LATE)
        return refuse_late(why);
    if (certificate.len == 0) {
        TRY(store_issuance_abandon(x->session, e->issuance.id, why));
        (void)err_set(why, ERR_INTERNAL, "the certificate was not signed");
        note_certificate(x, e->issuance.id, certificate, ERR_INTERNAL, why);
        return ERR_INTERNAL;
    }
    store_notes_hold(x->session);
    enum err result = store_issuance_finish(x->session, e->issuance.id, certificate,
                                            e->issuer->chain_der, why);
    note_certificate(x, e->issuance.id, certificate, result, why);
    store_notes_release(x->session);
    TRY(result);
    return write_chain(x, certificate, e->issuer->chain_der, why);
}
