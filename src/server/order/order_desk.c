/* The desk: questions under way. */
#include "server/audit/audit.h"
#include "server/order/order_desk_private.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/base/memory.h"
#include "server/settings/settings.h"

#define RECOVER_AT_ONCE                                                                  \
    10000 /* unfinished rows taken up at a start; the rest at the next */

void order_desk_use_issuers(struct order_desk *desk, const struct issuer_set *issuers)
{
    atomic_store(&desk->issuers, issuers);
}

struct order_desk *order_desk_new(struct store *store, struct work_pool *workers,
                                  const struct order_desk_ports *ports,
                                  const struct issuer_set *issuers)
{
    struct order_desk *desk = memory_get_zeroed(1, sizeof *desk);

    desk->store = store;
    desk->workers = workers;
    desk->ports = *ports;
    atomic_init(&desk->issuers, issuers);
    desk->validations = flight_table_new();
    desk->issuances = flight_table_new();
    desk->caa = flight_table_new();
    pthread_mutex_init(&desk->lock, NULL);
    pthread_cond_init(&desk->told, NULL);
    return desk;
}

void order_desk_limit(struct order_desk *desk, struct limit *limits)
{
    desk->limits = limits;
}

void order_desk_question_free(struct order_desk_question *q)
{
    arena_free(q->arena);
    free(q);
}

void order_desk_free(struct order_desk *desk)
{
    if (desk == NULL)
        return;
    pthread_mutex_lock(&desk->lock);
    while (desk->in_store > 0)
        pthread_cond_wait(&desk->told, &desk->lock);
    pthread_mutex_unlock(&desk->lock);
    for (int kind = 0; kind < 2; kind++) {
        for (size_t i = 0; i < ORDER_DESK_BUCKETS; i++) {
            while (desk->buckets[kind][i] != NULL) {
                struct order_desk_question *q = desk->buckets[kind][i];
                desk->buckets[kind][i] = q->next;
                order_desk_question_free(q);
            }
        }
    }
    flight_table_free(desk->validations);
    flight_table_free(desk->issuances);
    order_desk_caa_free(desk);
    pthread_cond_destroy(&desk->told);
    pthread_mutex_destroy(&desk->lock);
    free(desk);
}

struct flight_table *order_desk_validations(struct order_desk *desk)
{
    return desk->validations;
}

struct flight_table *order_desk_issuances(struct order_desk *desk)
{
    return desk->issuances;
}

struct order_desk_question *order_desk_question_new(struct order_desk *desk,
                                                    enum order_desk_kind kind, int64_t id,
                                                    int64_t flight_key)
{
    struct order_desk_question *q = memory_get_zeroed(1, sizeof *q);

    q->desk = desk;
    q->kind = kind;
    q->id = id;
    q->flight_key = flight_key;
    q->arena = arena_new();
    return q;
}

struct order_desk_question **order_desk_find(struct order_desk *desk,
                                             enum order_desk_kind kind, int64_t id)
{
    struct order_desk_question **link =
        &desk->buckets[kind][(uint64_t)id % ORDER_DESK_BUCKETS];

    while (*link != NULL && (*link)->id != id)
        link = &(*link)->next;
    return link;
}

void order_desk_set_postponed(struct order_desk_question *q, bool postponed)
{
    if (postponed && !q->postponed)
        q->desk->postponed++;
    if (!postponed && q->postponed)
        q->desk->postponed--;
    q->postponed = postponed;
}

void order_desk_ask(struct order_desk_question *q)
{
    struct order_desk *desk = q->desk;
    bool sent =
        q->kind == ORDER_DESK_CHECK ? desk->ports.check(desk->ports.context, &q->check)
        : order_desk_logs_asks(q)   ? order_desk_logs_ask(q)
                                    : desk->ports.sign(desk->ports.context, &q->sign);

    order_desk_set_postponed(q, !sent);
}

void order_desk_file_and_ask(struct order_desk *desk, struct order_desk_question *q)
{
    *order_desk_find(desk, q->kind, q->id) = q;
    desk->counts[q->kind]++;
    order_desk_ask(q);
    if (q->kind == ORDER_DESK_CHECK)
        order_desk_jury_call(q);
}

/* Is the validator's or the signer's answer awaited? The perspectives may be waited for
 * when it is there. */
static bool is_asked(const struct order_desk_question *q)
{
    return !q->answered &&
           (q->jury == NULL || q->jury->voices[0].voice == QUORUM_AWAITED);
}

/* Does the validator answer it, as things stand? Submissions to logs are its affair. */
static bool is_for_validator(const struct order_desk_question *q)
{
    return q->kind == ORDER_DESK_CHECK || order_desk_logs_asks(q);
}

void order_desk_ask_again(struct order_desk *desk, bool validator, bool signer)
{
    pthread_mutex_lock(&desk->lock);
    for (int kind = 0; kind < 2; kind++) {
        for (size_t i = 0; i < ORDER_DESK_BUCKETS; i++)
            for (struct order_desk_question *q = desk->buckets[kind][i]; q != NULL;
                 q = q->next) {
                if (!is_asked(q) || !(is_for_validator(q) ? validator : signer))
                    continue;
                if (order_desk_logs_asks(q))
                    order_desk_logs_forget_sent(q);
                order_desk_ask(q);
            }
    }
    pthread_mutex_unlock(&desk->lock);
}

/* Time goes by. With the lock held. */
static void look_at_logs(struct order_desk *desk)
{
    for (size_t i = 0; i < ORDER_DESK_BUCKETS && desk->board != NULL &&
                       desk->counts[ORDER_DESK_SIGN] > 0;
         i++)
        for (struct order_desk_question *q = desk->buckets[ORDER_DESK_SIGN][i]; q != NULL;
             q = q->next)
            if (q->logs != NULL)
                order_desk_logs_look(q);
}

void order_desk_ask_postponed(struct order_desk *desk)
{
    pthread_mutex_lock(&desk->lock);
    size_t left = desk->postponed;
    for (int kind = 0; kind < 2; kind++)
        for (size_t i = 0; i < ORDER_DESK_BUCKETS && left > 0; i++)
            for (struct order_desk_question *q = desk->buckets[kind][i]; q != NULL;
                 q = q->next) {
                if (!q->postponed)
                    continue;
                left--;
                order_desk_ask(q);
            }
    look_at_logs(desk);
    order_desk_jury_look(desk, order_desk_queue_answer);
    pthread_mutex_unlock(&desk->lock);
}

void order_desk_postpone(struct order_desk *desk, int64_t issuance_id)
{
    pthread_mutex_lock(&desk->lock);
    struct order_desk_question *q = *order_desk_find(desk, ORDER_DESK_SIGN, issuance_id);
    if (q != NULL && !q->answered)
        order_desk_set_postponed(q, true);
    pthread_mutex_unlock(&desk->lock);
}

void order_desk_wait_for_store(struct order_desk_question *q, store_ticket_number ticket,
                               void (*done)(void *argument, enum err result))
{
    pthread_mutex_lock(&q->desk->lock);
    q->desk->in_store++;
    pthread_mutex_unlock(&q->desk->lock);
    store_when_durable(q->desk->store, ticket, done, q);
}

void order_desk_told(struct order_desk *desk)
{
    pthread_mutex_lock(&desk->lock);
    desk->in_store--;
    pthread_cond_signal(&desk->told);
    pthread_mutex_unlock(&desk->lock);
}

/* ---- questions ---- */

static bool is_full(struct order_desk *desk, enum order_desk_kind kind, size_t most)
{
    pthread_mutex_lock(&desk->lock);
    bool full = desk->counts[kind] >= most;
    pthread_mutex_unlock(&desk->lock);
    return full;
}

/* One attempt decides an authorization. */
static enum err refuse_second(enum challenge_type under_way, struct err_info *why)
{
    return err_set(why, ERR_CONFLICT,
                   "the authorization's %s challenge is being checked; its result counts",
                   terms_challenge_type(under_way));
}

bool order_desk_is_checking(struct order_desk *desk, int64_t authz_id)
{
    pthread_mutex_lock(&desk->lock);
    bool is = *order_desk_find(desk, ORDER_DESK_CHECK, authz_id) != NULL;
    pthread_mutex_unlock(&desk->lock);
    return is;
}

enum err order_desk_validate(struct order_desk *desk, const struct store_session *session,
                             const struct store_authz *authz, enum challenge_type type,
                             const struct order_desk_prover *prover, struct err_info *why)
{
    if (is_full(desk, ORDER_DESK_CHECK, ORDER_DESK_CHECKS_MAX)) {
        (void)err_set(why, ERR_UNAVAILABLE, "too many validations are under way");
        why->retry_after_seconds = 5;
        return ERR_UNAVAILABLE;
    }
    if (authz->attempt_begun != 0 && authz->attempt_type != (int)type)
        return refuse_second((enum challenge_type)authz->attempt_type, why);
    struct order_desk_question *q =
        order_desk_question_new(desk, ORDER_DESK_CHECK, authz->id, authz->id);
    q->seen = store_session_ticket(session);
    q->account_id = authz->account_id;
    q->begun_ms = clock_now_ms();
    q->check.authz_id = authz->id;
    q->check.type = type;
    order_desk_proof_set(q, authz, prover);
    pthread_mutex_lock(&desk->lock);
    bool first = flight_begin(desk->validations, authz->id);
    const struct order_desk_question *other =
        *order_desk_find(desk, ORDER_DESK_CHECK, authz->id);
    enum challenge_type under_way = other != NULL ? other->check.type : type;
    if (first)
        order_desk_file_and_ask(desk, q);
    pthread_mutex_unlock(&desk->lock);
    if (first)
        return ERR_OK;
    order_desk_question_free(q);
    return under_way == type ? ERR_OK : refuse_second(under_way, why);
}

/* The issuance is on disk: now it may be signed. */
void order_desk_issuance_durable(void *argument, enum err result)
{
    struct order_desk_question *q = argument;
    struct order_desk *desk = q->desk;

    if (result == ERR_OK) {
        pthread_mutex_lock(&desk->lock);
        order_desk_file_and_ask(desk, q);
        pthread_mutex_unlock(&desk->lock);
    } else {
        flight_land(desk->issuances, q->flight_key);
        order_desk_question_free(q);
    }
    order_desk_told(desk);
}

static void note_issuance(struct store_session *session,
                          const struct store_issuance *issuance)
{
    struct audit_line l;

    audit_begin(&l, AUDIT_ISSUANCE);
    json_write_number(&l.w, "issuance", issuance->id);
    json_write_number(&l.w, "order", issuance->order_id);
    json_write_number(&l.w, "account", issuance->account_id);
    audit_octets(&l, "serial", span_make(issuance->serial, issuance->serial_len));
    audit_octets(&l, "issuer", span_make(issuance->issuer, issuance->issuer_len));
    json_write_text(&l.w, "profile", issuance->profile);
    json_write_text(&l.w, "directory", issuance->directory);
    audit_octets(&l, "key_hash", span_make(issuance->key_hash, STORE_HASH_SIZE));
    audit_octets(&l, "csr_sha256", span_make(issuance->csr_hash, STORE_HASH_SIZE));
    audit_digest(&l, "tbs_sha256", issuance->tbs);
    audit_end(&l, session);
}

enum err order_desk_issue(struct order_desk *desk, struct store_session *session,
                          struct store_issuance *issuance, struct err_info *why)
{
    return order_desk_issue_noted(desk, session, issuance, NULL, NULL, why);
}

enum err order_desk_issue_noted(struct order_desk *desk, struct store_session *session,
                                struct store_issuance *issuance,
                                void (*note)(void *argument), void *argument,
                                struct err_info *why)
{
    if (is_full(desk, ORDER_DESK_SIGN, ORDER_DESK_SIGNS_MAX)) {
        (void)err_set(why, ERR_UNAVAILABLE, "too many certificates are being made");
        why->retry_after_seconds = 5;
        return ERR_UNAVAILABLE;
    }
    if (!flight_begin(desk->issuances, issuance->order_id))
        return err_set(why, ERR_CONFLICT, "the order is being finalized already");
    store_notes_hold(session);
    enum err result = store_issuance_begin(session, issuance, why);
    if (result == ERR_OK && note != NULL)
        note(argument);
    if (result == ERR_OK)
        note_issuance(session, issuance);
    store_notes_release(session);
    if (result != ERR_OK) {
        flight_land(desk->issuances, issuance->order_id);
        return result;
    }
    struct order_desk_question *q =
        order_desk_question_new(desk, ORDER_DESK_SIGN, issuance->id, issuance->order_id);
    q->sign.issuance_id = issuance->id;
    q->sign.profile =
        arena_string(q->arena, issuance->profile != NULL ? issuance->profile : "");
    q->sign.tbs = arena_span(q->arena, issuance->tbs);
    if (issuance->is_precertificate)
        order_desk_logs_new(q);
    order_desk_wait_for_store(q, store_session_ticket(session),
                              order_desk_issuance_durable);
    return ERR_OK;
}

static enum err recover_checks(struct order_desk *desk, struct store_session *session,
                               const struct settings *settings, struct arena *a,
                               struct err_info *why)
{
    struct store_authz *rows = NULL;
    size_t count = 0;

    TRY(store_attempts_unfinished(session, a, RECOVER_AT_ONCE, &rows, &count, why));
    for (size_t i = 0; i < count; i++) {
        struct store_account *account;
        TRY(store_account_by_id(session, a, rows[i].account_id, &account, why));
        const struct order_desk_prover prover = {account->id, account->thumbprint,
                                                 account->directory, settings};
        TRY(order_desk_validate(desk, session, &rows[i],
                                (enum challenge_type)rows[i].attempt_type, &prover, why));
    }
    return ERR_OK;
}

/* What was begun before the store kept the profile was made by that of its order, or by
 * the directory's first. */
static enum err profile_of(struct store_session *session, const struct settings *settings,
                           struct arena *a, const struct store_issuance *row,
                           const char **profile, struct err_info *why)
{
    struct store_account *account = NULL;
    struct store_order *order = NULL;

    *profile = row->profile;
    if (row->profile[0] != '\0')
        return ERR_OK;
    TRY(store_order_by_id(session, a, row->order_id, &order, why));
    *profile = order->profile;
    if (order->profile[0] != '\0')
        return ERR_OK;
    TRY(store_account_by_id(session, a, row->account_id, &account, why));
    const struct settings_directory *directory =
        settings_directory(settings, account->directory);
    if (directory != NULL)
        *profile = directory->offered[0]->name;
    return ERR_OK;
}

enum err order_desk_recover(struct order_desk *desk, struct store_session *session,
                            const struct settings *settings, struct err_info *why)
{
    AUTO(arena) struct arena *a = arena_new();
    struct store_issuance *rows = NULL;
    size_t count = 0;

    TRY(recover_checks(desk, session, settings, a, why));
    TRY(store_issuances_unfinished(session, a, RECOVER_AT_ONCE, &rows, &count, why));
    for (size_t i = 0; i < count; i++) {
        const char *profile = "";
        TRY(profile_of(session, settings, a, &rows[i], &profile, why));
        if (!flight_begin(desk->issuances, rows[i].order_id))
            continue;
        struct order_desk_question *q =
            order_desk_question_new(desk, ORDER_DESK_SIGN, rows[i].id, rows[i].order_id);
        q->sign.issuance_id = rows[i].id;
        q->sign.profile = arena_string(q->arena, profile);
        q->sign.tbs = arena_span(q->arena, rows[i].tbs);
        enum err result = order_desk_logs_recover(q, session, why);
        if (result == ERR_OK)
            result = store_revocation_check(session, q->id, why);
        if (result != ERR_OK && result != ERR_ALREADY_REVOKED) {
            flight_land(desk->issuances, rows[i].order_id);
            order_desk_question_free(q);
            return result;
        }
        pthread_mutex_lock(&desk->lock);
        if (result == ERR_OK)
            order_desk_file_and_ask(desk, q);
        else
            order_desk_file_revoked(desk, q);
        pthread_mutex_unlock(&desk->lock);
    }
    return ERR_OK;
}
