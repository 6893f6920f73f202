/* Rounds: one for an order, with a question to the validator for each of its names. */
#include "server/order/order_desk_caa.h"

#include <stdlib.h>
#include <string.h>

#include "core/acme/identifier.h"
#include "core/acme/problem.h"
#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/base/memory.h"
#include "core/base/random.h"
#include "core/json/json_read.h"
#include "server/audit/audit.h"
#include "server/order/order_desk_private.h"
#include "server/settings/settings.h"
#include "server/store/store_caa.h"
#include "server/store/store_star.h"

/* Numbers of these questions: below those of the front's own, above those of
 * authorizations. The rest is random, so that an answer to an earlier process's question
 * is never taken for that to another name. */
#define FIRST_ID (INT64_C(1) << 62)

#define SUBPROBLEMS_MAX        100 /* written out; all are counted */
#define SUBPROBLEMS_OCTETS_MAX (48 * 1024)
#define SUBPROBLEM_MAX         2048 /* octets kept for one */
#define RECORDS_OCTETS_MAX                                                               \
    (8 * 1024 * 1024)    /* of a round's evidence; what comes then is without steps */
#define RETRY_SECONDS 10 /* after trouble with the DNS */

/* What was said about one name. */
struct answer {
    const char *name; /* as it is in the order */
    bool given;
    bool good;
    struct err_info why;
    const char *record; /* evidence */
};

struct order_desk_round {
    struct order_desk_round *next;
    struct arena *arena;
    int64_t order_id;
    int64_t asked; /* seconds */
    struct answer *answers;
    size_t count;
    size_t awaited; /* answers not given yet */
    size_t open;    /* questions not finished yet */
    size_t octets;  /* of the evidence so far */
    bool landed;
};

struct flight_table *order_desk_caa_flights(struct order_desk *desk)
{
    return desk->caa;
}

static bool has_caa(const struct store_identifier *identifier)
{
    return identifier->type == (int)IDENTIFIER_DNS;
}

static bool is_wildcard(const char *name)
{
    return name[0] == '*';
}

static const char *base_of(const char *name)
{
    return is_wildcard(name) ? name + 2 : name;
}

/* ---- asking ---- */

/* With the lock held. */
static struct order_desk_round *find(struct order_desk *desk, int64_t order_id)
{
    struct order_desk_round *round = desk->rounds;

    while (round != NULL && (round->order_id != order_id || round->landed))
        round = round->next;
    return round;
}

static size_t count_names(const struct store_order *order)
{
    size_t count = 0;

    for (size_t i = 0; i < order->identifier_count; i++)
        count += has_caa(&order->identifiers[i]);
    return count;
}

static struct order_desk_round *round_new(const struct store_order *order, int64_t now)
{
    struct order_desk_round *round = memory_get_zeroed(1, sizeof *round);

    round->arena = arena_new();
    round->order_id = order->id;
    round->asked = now;
    round->answers =
        arena_array(round->arena, order->identifier_count, sizeof *round->answers);
    for (size_t i = 0; i < order->identifier_count; i++)
        if (has_caa(&order->identifiers[i]))
            round->answers[round->count++].name =
                arena_string(round->arena, order->identifiers[i].value);
    round->awaited = round->count;
    round->open = round->count;
    return round;
}

static void round_free(struct order_desk_round *round)
{
    arena_free(round->arena);
    free(round);
}

/* Of one name, by how it was proved. */
static struct order_desk_question *question_of(struct order_desk *desk,
                                               const struct store_order *order, size_t i,
                                               const struct order_desk_prover *prover)
{
    const char *name = order->identifiers[i].value;
    int64_t id = 0;

    random_fill(&id, sizeof id);
    id = FIRST_ID | (id & (FIRST_ID - 1));
    struct order_desk_question *q =
        order_desk_question_new(desk, ORDER_DESK_CHECK, id, id);
    q->account_id = order->account_id;
    q->begun_ms = clock_now_ms();
    q->check.authz_id = id;
    q->check.purpose = VALIDATE_CAA;
    q->check.type = (enum challenge_type)(
        i < order->authz_count ? order->authzs[i].attempt_type : -1);
    q->check.identifier_type = IDENTIFIER_DNS;
    q->check.wildcard = is_wildcard(name);
    q->check.identifier = arena_string(q->arena, base_of(name));
    q->check.token = "";
    q->check.key_authorization = "";
    order_desk_proof_asker(q, prover);
    return q;
}

static enum err begin(struct order_desk *desk, const struct store_session *session,
                      const struct store_order *order,
                      const struct order_desk_prover *prover, int64_t *asked)
{
    struct order_desk_round *round = round_new(order, clock_now());
    size_t place = 0;

    *asked = round->asked;
    (void)flight_begin(desk->caa, order->id);
    round->next = desk->rounds;
    desk->rounds = round;
    for (size_t i = 0; i < order->identifier_count; i++) {
        if (!has_caa(&order->identifiers[i]))
            continue;
        struct order_desk_question *q = question_of(desk, order, i, prover);
        q->seen = store_session_ticket(session);
        q->round = round;
        q->round_place = place++;
        order_desk_file_and_ask(desk, q);
    }
    return ERR_OK;
}

enum err order_desk_caa_ask(struct order_desk *desk, const struct store_session *session,
                            const struct store_order *order,
                            const struct order_desk_prover *prover, int64_t *asked,
                            struct err_info *why)
{
    size_t names = count_names(order);
    enum err result = ERR_OK;

    pthread_mutex_lock(&desk->lock);
    const struct order_desk_round *round = find(desk, order->id);
    if (round != NULL)
        *asked = round->asked;
    else if (desk->counts[ORDER_DESK_CHECK] + names > ORDER_DESK_CHECKS_MAX)
        result = ERR_UNAVAILABLE;
    else if (names > 0)
        result = begin(desk, session, order, prover, asked);
    pthread_mutex_unlock(&desk->lock);
    if (result == ERR_UNAVAILABLE && why != NULL) {
        (void)err_set(why, ERR_UNAVAILABLE, "too many validations are under way");
        why->retry_after_seconds = 5;
    }
    return result;
}

/* ---- what came of it ---- */

/* Code and sentence of a problem document of our own. */
static void read_problem(struct arena *a, const char *problem, struct err_info *why)
{
    const struct json *document = NULL;
    struct err_info ignored = {0};
    enum err code = ERR_UNAVAILABLE;
    const char *detail = NULL;

    if (problem != NULL &&
        json_read(a, span_of(problem), &document, &ignored) == ERR_OK) {
        const char *type = json_text(json_member(document, "type"));
        detail = json_text(json_member(document, "detail"));
        if (type != NULL && strncmp(type, PROBLEM_URN, strlen(PROBLEM_URN)) == 0)
            code = err_from_acme_type(type + strlen(PROBLEM_URN),
                                      strlen(type) - strlen(PROBLEM_URN));
    }
    (void)err_set(why, code, "%s", detail != NULL ? detail : "no reason was given");
}

/* Is there an answer that forbids (ERR_CAA)? Everything else says nothing about it. */
static bool is_refusal(const struct answer *answer)
{
    return !answer->good && answer->why.code == ERR_CAA;
}

static size_t count_bad(const struct order_desk_round *round, bool refusals)
{
    size_t bad = 0;

    for (size_t i = 0; i < round->count; i++)
        bad += !round->answers[i].good && (!refusals || is_refusal(&round->answers[i]));
    return bad;
}

/* The refusals, or all that went wrong: the sentence of the first, and a subproblem for
 * each (RFC 8555 6.7.1). */
static void sum_up(struct arena *a, const struct order_desk_round *round, bool refusals,
                   enum err code, struct err_info *why)
{
    AUTO(buf) struct buf text = buf_make(SUBPROBLEMS_OCTETS_MAX);
    struct json_writer w = json_writer_make(&text);
    size_t bad = count_bad(round, refusals);
    size_t written = 0;

    json_write_begin_array(&w, NULL);
    for (size_t i = 0; i < round->count; i++) {
        const struct answer *answer = &round->answers[i];
        if (answer->good || (refusals && !is_refusal(answer)))
            continue;
        if (written == 0 && bad == 1)
            (void)err_set(why, code, "%s", answer->why.detail);
        else if (written == 0)
            (void)err_set(why, code, "%s (and %zu more; see the subproblems)",
                          answer->why.detail, bad - 1);
        if (written < SUBPROBLEMS_MAX &&
            text.len < SUBPROBLEMS_OCTETS_MAX - SUBPROBLEM_MAX)
            problem_add_subproblem(&w, &answer->why,
                                   terms_identifier_type(IDENTIFIER_DNS), answer->name);
        written++;
    }
    json_write_end_array(&w);
    why->subproblems = arena_string_of(a, buf_span(&text));
}

void order_desk_caa_keep_trouble(struct order_desk *desk, int64_t order_id,
                                 struct arena *a, const struct err_info *why)
{
    struct order_desk_trouble *place = &desk->troubles[desk->trouble_next];

    desk->trouble_next = (desk->trouble_next + 1) % ORDER_DESK_TROUBLES;
    arena_free(place->arena);
    *place = (struct order_desk_trouble){order_id, a, why};
}

static void remember(struct order_desk *desk, const struct order_desk_round *round)
{
    struct arena *a = arena_new();
    struct err_info *why = arena_get(a, sizeof *why);

    sum_up(a, round, false, ERR_UNAVAILABLE, why);
    why->retry_after_seconds = RETRY_SECONDS;
    pthread_mutex_lock(&desk->lock);
    order_desk_caa_keep_trouble(desk, round->order_id, a, why);
    pthread_mutex_unlock(&desk->lock);
}

enum err order_desk_caa_trouble(struct order_desk *desk, struct arena *a,
                                int64_t order_id, struct err_info *why)
{
    (void)err_set(why, ERR_UNAVAILABLE, "CAA records could not be looked up");
    why->retry_after_seconds = RETRY_SECONDS;
    order_desk_caa_recall_trouble(desk, a, order_id, why);
    return ERR_UNAVAILABLE;
}

void order_desk_caa_recall_trouble(struct order_desk *desk, struct arena *a,
                                   int64_t order_id, struct err_info *why)
{
    pthread_mutex_lock(&desk->lock);
    for (size_t i = 0; i < ORDER_DESK_TROUBLES; i++) {
        /* from the newest on */
        size_t at =
            (desk->trouble_next + ORDER_DESK_TROUBLES - 1 - i) % ORDER_DESK_TROUBLES;
        const struct order_desk_trouble *t = &desk->troubles[at];
        if (t->arena == NULL || t->order_id != order_id)
            continue;
        *why = *t->why;
        if (t->why->subproblems != NULL)
            why->subproblems = arena_string(a, t->why->subproblems);
        break;
    }
    pthread_mutex_unlock(&desk->lock);
}

/* Nothing is signed. What renews itself is tried again later: its subscriber may put the
 * record right, and the certificate there is goes on. What follows is set in `came`. */
static enum err fail(struct order_desk *desk, struct order_desk_round *round,
                     struct store_session *session, struct store_caa_round *came,
                     struct err_info *why)
{
    struct store_order *order = NULL;
    struct err_info refused = {0};

    if (count_bad(round, true) == 0)
        remember(desk, round);
    TRY(store_order_by_id(session, round->arena, round->order_id, &order, why));
    if (order->star != NULL && order->issuance != NULL) {
        if (order->star->due == 0)
            return ERR_OK; /* canceled meanwhile */
        int64_t wait = order->star->lifetime / 16 > 0 ? order->star->lifetime / 16 : 1;
        log_event(LOG_LEVEL_WARNING, "order.not_renewed",
                  "order=%lld why=\"CAA does not allow it\"", (long long)order->id);
        came->due_seen = order->star->due;
        came->due = clock_now() + wait;
        return ERR_OK;
    }
    if (count_bad(round, true) == 0 || order->issuance != NULL)
        return ERR_OK;
    sum_up(round->arena, round, true, ERR_CAA, &refused);
    came->error = problem_text(round->arena, &refused);
    return ERR_OK;
}

static enum store_caa_outcome outcome_of(const struct answer *answer)
{
    if (answer->good)
        return STORE_CAA_ALLOWED;
    return is_refusal(answer) ? STORE_CAA_FORBIDDEN : STORE_CAA_UNKNOWN;
}

static void audit_answer(const struct order_desk_round *round,
                         const struct answer *answer, struct store_session *session)
{
    static const char *const words[] = {[STORE_CAA_ALLOWED] = "allowed",
                                        [STORE_CAA_FORBIDDEN] = "forbidden",
                                        [STORE_CAA_UNKNOWN] = "unknown"};
    struct audit_line l;

    audit_begin(&l, AUDIT_CAA);
    json_write_number(&l.w, "order", round->order_id);
    json_write_text(&l.w, "identifier", answer->name);
    json_write_text(&l.w, "result", words[outcome_of(answer)]);
    if (!answer->good)
        json_write_text(&l.w, "detail", answer->why.detail);
    audit_digest(&l, "evidence_sha256", span_of(answer->record));
    audit_end(&l, session);
}

/* What was seen, and what follows from it, are one change: nothing is signed, and no
 * order fails, without its evidence. */
static enum err conclude(struct order_desk *desk, struct order_desk_round *round,
                         struct store_session *session, struct err_info *why)
{
    struct store_caa_look *looks = arena_array(round->arena, round->count, sizeof *looks);
    struct store_caa_round came = {.order_id = round->order_id,
                                   .asked = round->asked,
                                   .looks = looks,
                                   .count = round->count,
                                   .allowed = count_bad(round, false) == 0};

    for (size_t i = 0; i < round->count; i++)
        looks[i] = (struct store_caa_look){.name = round->answers[i].name,
                                           .outcome = outcome_of(&round->answers[i]),
                                           .record = round->answers[i].record};
    enum err result = ERR_OK;
    if (!came.allowed)
        result = fail(desk, round, session, &came, why);
    store_notes_hold(session);
    for (size_t i = 0; i < round->count; i++)
        audit_answer(round, &round->answers[i], session);
    if (result == ERR_OK)
        result = store_caa_round(session, &came, why);
    store_notes_release(session);
    return result;
}

/* The record of what was found before a certificate is made (BR 5.4.1). */
static void log_answer(const struct order_desk_round *round, const struct answer *answer)
{
    if (answer->good)
        log_event(LOG_LEVEL_INFO, "order.caa", "order=%lld name=%s allowed=yes",
                  (long long)round->order_id, answer->name);
    else
        log_event(LOG_LEVEL_NOTICE, "order.caa",
                  "order=%lld name=%s allowed=no why=" LOG_QUOTE,
                  (long long)round->order_id, answer->name, answer->why.detail);
}

/* With the lock held. */
static void take_answer(struct order_desk_question *q, const char *record)
{
    struct order_desk_round *round = q->round;
    struct answer *answer = &round->answers[q->round_place];

    answer->given = true;
    answer->good = q->good;
    if (!q->good)
        read_problem(round->arena, q->error, &answer->why);
    log_answer(round, answer);
    answer->record = round->octets + strlen(record) <= RECORDS_OCTETS_MAX
                         ? arena_string(round->arena, record)
                         : order_desk_jury_evidence(q, round->arena, true);
    round->octets += strlen(answer->record);
    q->round_ends = --round->awaited == 0;
}

enum err order_desk_caa_record(struct order_desk_question *q,
                               struct store_session *session, struct err_info *why)
{
    struct order_desk *desk = q->desk;
    AUTO(arena) struct arena *a = arena_new();
    const char *record = order_desk_jury_evidence(q, a, false);

    pthread_mutex_lock(&desk->lock);
    if (!q->round->answers[q->round_place].given)
        take_answer(q, record);
    pthread_mutex_unlock(&desk->lock);
    return q->round_ends ? conclude(desk, q->round, session, why) : ERR_OK;
}

int64_t order_desk_caa_order(const struct order_desk_round *round)
{
    return round->order_id;
}

/* The flight lands before another round can begin: who joins waits for the right one. */
void order_desk_caa_finish(struct order_desk *desk, struct order_desk_round *round,
                           bool ends)
{
    pthread_mutex_lock(&desk->lock);
    bool last = --round->open == 0;
    if ((ends || last) && !round->landed) {
        round->landed = true;
        flight_land(desk->caa, round->order_id);
    }
    struct order_desk_round **link = &desk->rounds;
    while (last && *link != round)
        link = &(*link)->next;
    if (last)
        *link = round->next;
    pthread_mutex_unlock(&desk->lock);
    if (last)
        round_free(round);
}

void order_desk_caa_free(struct order_desk *desk)
{
    while (desk->rounds != NULL) {
        struct order_desk_round *round = desk->rounds;
        desk->rounds = round->next;
        round_free(round);
    }
    for (size_t i = 0; i < ORDER_DESK_TROUBLES; i++)
        arena_free(desk->troubles[i].arena);
    flight_table_free(desk->caa);
}
