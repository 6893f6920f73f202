/* The desk's remote perspectives: who is asked, who is waited for, what it comes to
 * (CA/Browser Forum Baseline Requirements 3.2.2.9). */
#include <string.h>

#include "core/acme/problem.h"
#include "core/base/clock.h"
#include "core/base/log.h"
#include "server/order/evidence.h"
#include "server/order/order_desk_private.h"
#include "server/settings/settings.h"

#define SUBPROBLEMS_MAX  8    /* perspectives named one by one in a refusal */
#define SUBPROBLEM_SHOWN 200  /* octets of what one of them saw there */
#define NAMES_MAX        1024 /* octets of a list of perspectives in a sentence */

static size_t voice_count(const struct order_desk_jury *jury)
{
    return 1 + jury->panel->count;
}

/* Perspective `voice` of the jury; 0 is the local one, which has none. */
static const struct order_desk_perspective *remote(const struct order_desk_jury *jury,
                                                   size_t voice)
{
    return &jury->panel->remotes[voice - 1];
}

/* ---- asking ---- */

static void ask(struct order_desk_question *q, size_t voice)
{
    struct order_desk_ports *ports = &q->desk->ports;
    struct order_desk_voice *v = &q->jury->voices[voice];

    v->postponed = ports->look == NULL ||
                   !ports->look(ports->context, remote(q->jury, voice)->name, &q->check);
    if (v->postponed && v->away == NULL)
        v->away = "it could not be asked: the way to it is closed";
}

void order_desk_jury_call(struct order_desk_question *q)
{
    const struct order_desk_panel *panel = q->desk->panel;

    if (panel == NULL)
        return;
    int64_t wait_ms = panel->timeout_ms;
    if (!panel->enforced && wait_ms > ORDER_DESK_OBSERVE_MS)
        wait_ms = ORDER_DESK_OBSERVE_MS;
    q->jury = arena_get(q->arena, sizeof *q->jury);
    q->jury->panel = panel;
    q->jury->until_us = clock_monotonic_us() + wait_ms * 1000;
    q->desk->juries++;
    for (size_t i = 1; i < voice_count(q->jury); i++)
        ask(q, i);
}

void order_desk_look_again(struct order_desk *desk)
{
    pthread_mutex_lock(&desk->lock);
    for (size_t i = 0; i < ORDER_DESK_BUCKETS && desk->juries > 0; i++)
        for (struct order_desk_question *q = desk->buckets[ORDER_DESK_CHECK][i];
             q != NULL; q = q->next)
            for (size_t v = 1;
                 q->jury != NULL && !q->answered && v < voice_count(q->jury); v++)
                if (q->jury->voices[v].voice == QUORUM_AWAITED)
                    ask(q, v);
    pthread_mutex_unlock(&desk->lock);
}

void order_desk_set_panel(struct order_desk *desk, const struct order_desk_panel *panel)
{
    pthread_mutex_lock(&desk->lock);
    desk->panel = panel;
    pthread_mutex_unlock(&desk->lock);
}

/* ---- deciding ---- */

static enum quorum_outcome judge(const struct order_desk_jury *jury)
{
    enum quorum_voice voices[QUORUM_VOICES_MAX];
    size_t regions[QUORUM_VOICES_MAX] = {0};

    for (size_t i = 0; i < voice_count(jury); i++) {
        voices[i] = jury->voices[i].voice;
        if (i > 0)
            regions[i] = remote(jury, i)->region_number;
    }
    return quorum_judge(&jury->panel->rule, voices, regions, voice_count(jury));
}

/* Where they decide nothing, all of them are waited for that can be asked. */
static bool is_watched(const struct order_desk_jury *jury)
{
    for (size_t i = 1; i < voice_count(jury); i++)
        if (jury->voices[i].voice == QUORUM_AWAITED && !jury->voices[i].postponed)
            return false;
    return true;
}

static bool decide(struct order_desk_question *q)
{
    struct order_desk_jury *jury = q->jury;

    jury->outcome = judge(jury);
    if (jury->voices[0].voice == QUORUM_AWAITED)
        return false;
    bool done = jury->panel->enforced || jury->outcome == QUORUM_LOCAL_BAD
                    ? jury->outcome != QUORUM_UNDECIDED
                    : is_watched(jury);
    if (!done)
        return false;
    q->answered = true;
    q->desk->juries--;
    return true;
}

bool order_desk_jury_is_done(struct order_desk_question *q)
{
    q->jury->voices[0].voice = q->good ? QUORUM_CORROBORATES : QUORUM_DIFFERS;
    return decide(q);
}

/* Its time is over. */
static void cut_off(struct order_desk_jury *jury)
{
    for (size_t i = 1; i < voice_count(jury); i++) {
        struct order_desk_voice *v = &jury->voices[i];
        if (v->voice == QUORUM_AWAITED)
            v->voice = v->postponed ? QUORUM_UNREACHED : QUORUM_LATE;
        v->postponed = false;
    }
}

static void look(struct order_desk_question *q,
                 void (*decided)(struct order_desk_question *q))
{
    if (clock_monotonic_us() >= q->jury->until_us)
        cut_off(q->jury);
    for (size_t i = 1; i < voice_count(q->jury); i++)
        if (q->jury->voices[i].postponed)
            ask(q, i);
    if (decide(q))
        decided(q);
}

void order_desk_jury_look(struct order_desk *desk,
                          void (*decided)(struct order_desk_question *q))
{
    for (size_t i = 0; i < ORDER_DESK_BUCKETS && desk->juries > 0; i++)
        for (struct order_desk_question *q = desk->buckets[ORDER_DESK_CHECK][i];
             q != NULL; q = q->next)
            if (q->jury != NULL && !q->answered)
                look(q, decided);
}

/* ---- hearing ---- */

/* The voice of that name that is waited for; NULL if there is none. With the lock held.
 */
static struct order_desk_voice *find(struct order_desk *desk, int64_t authz_id,
                                     const char *perspective,
                                     struct order_desk_question **question)
{
    struct order_desk_question *q = *order_desk_find(desk, ORDER_DESK_CHECK, authz_id);

    if (q == NULL || q->jury == NULL || q->answered)
        return NULL;
    *question = q;
    for (size_t i = 1; i < voice_count(q->jury); i++)
        if (strcmp(remote(q->jury, i)->name, perspective) == 0)
            return q->jury->voices[i].voice == QUORUM_AWAITED ? &q->jury->voices[i]
                                                              : NULL;
    return NULL;
}

/* A problem of the perspective's own, not of what it looked at. */
static bool is_own(enum err code)
{
    return err_acme_type(code) == NULL || code == ERR_SERVER_INTERNAL ||
           code == ERR_UNAVAILABLE;
}

static void hear(struct order_desk_question *q, struct order_desk_voice *v,
                 const struct order_desk_sight *sight)
{
    struct err_info why = {0};

    if (!sight->valid && is_own(sight->code)) {
        v->away = arena_printf(q->arena, "it failed itself: %s", sight->detail);
        v->postponed = true;
        return;
    }
    v->voice = sight->valid ? QUORUM_CORROBORATES : QUORUM_DIFFERS;
    v->postponed = false;
    v->ended_ms = clock_now_ms();
    v->code = sight->code;
    v->record = arena_string(q->arena, sight->record != NULL ? sight->record : "[]");
    if (sight->valid)
        return;
    (void)err_set(&why, sight->code, "%s", sight->detail);
    v->detail = arena_string(q->arena, why.detail);
    v->problem = problem_text(q->arena, &why);
}

void order_desk_saw(struct order_desk *desk, int64_t authz_id, const char *perspective,
                    const struct order_desk_sight *sight)
{
    struct order_desk_question *q = NULL;
    bool decided = false;

    pthread_mutex_lock(&desk->lock);
    struct order_desk_voice *v = find(desk, authz_id, perspective, &q);
    if (v != NULL) {
        hear(q, v, sight);
        decided = decide(q);
    }
    pthread_mutex_unlock(&desk->lock);
    if (decided)
        order_desk_queue_answer(q);
}

bool order_desk_away(struct order_desk *desk, int64_t authz_id, const char *perspective,
                     const char *reason)
{
    const struct order_desk_sight sight = {.code = ERR_UNAVAILABLE, .detail = reason};
    struct order_desk_question *q = NULL;
    bool decided = false;

    pthread_mutex_lock(&desk->lock);
    struct order_desk_voice *v = find(desk, authz_id, perspective, &q);
    bool news = v != NULL && (v->away == NULL || strcmp(v->away, reason) != 0);
    if (news)
        v->away = arena_string(q->arena, sight.detail);
    if (v != NULL) {
        v->postponed = true;
        decided = decide(q);
    }
    pthread_mutex_unlock(&desk->lock);
    if (decided)
        order_desk_queue_answer(q);
    return news;
}

/* ---- what it came to ---- */

/* "fra (ripe): WHAT; nyc (arin): WHAT" of those whose voice is one of the two. */
static const char *list(const struct order_desk_question *q, enum quorum_voice one,
                        enum quorum_voice other)
{
    AUTO(buf) struct buf b = buf_make(NAMES_MAX);
    const struct order_desk_jury *jury = q->jury;

    for (size_t i = 1; i < voice_count(jury); i++) {
        const struct order_desk_voice *v = &jury->voices[i];
        if (v->voice != one && v->voice != other)
            continue;
        buf_printf(&b, "%s%s (%s): ", b.len > 0 ? "; " : "", remote(jury, i)->name,
                   remote(jury, i)->region);
        if (v->voice == QUORUM_LATE)
            buf_add_text(&b, "no answer in time");
        else
            buf_printf(&b, "%.*s", SUBPROBLEM_SHOWN,
                       v->voice == QUORUM_UNREACHED ? v->away : v->detail);
    }
    return arena_string_of(q->arena, buf_span(&b));
}

/* What each perspective saw that differs (RFC 8555 6.7.1). */
static const char *subproblems(const struct order_desk_question *q)
{
    AUTO(buf) struct buf b = buf_make(SUBPROBLEMS_MAX * 1024);
    const struct order_desk_jury *jury = q->jury;
    struct json_writer w = json_writer_make(&b);
    size_t count = 0;

    json_write_begin_array(&w, NULL);
    for (size_t i = 1; i < voice_count(jury) && count < SUBPROBLEMS_MAX; i++) {
        const struct order_desk_voice *v = &jury->voices[i];
        struct err_info why = {0};
        if (v->voice != QUORUM_DIFFERS)
            continue;
        count++;
        (void)err_set(&why, v->code, "perspective %s (%s) saw: %.*s",
                      remote(jury, i)->name, remote(jury, i)->region, SUBPROBLEM_SHOWN,
                      v->detail);
        problem_add_subproblem(&w, &why, terms_identifier_type(q->check.identifier_type),
                               q->check.identifier);
    }
    json_write_end_array(&w);
    return b.failed ? NULL : arena_string_of(q->arena, buf_span(&b));
}

static void refuse(struct order_desk_question *q)
{
    const struct order_desk_jury *jury = q->jury;
    struct err_info why = {0};
    size_t first = 0;
    size_t differ = 0;

    for (size_t i = voice_count(jury) - 1; i > 0; i--)
        if (jury->voices[i].voice == QUORUM_DIFFERS) {
            first = i;
            differ++;
        }
    (void)err_set(
        &why, jury->voices[first].code,
        "during secondary validation: %zu of %zu perspectives did not see what this CA "
        "sees: perspective %s (%s) saw: %s",
        differ, jury->panel->count, remote(jury, first)->name,
        remote(jury, first)->region, jury->voices[first].detail);
    why.subproblems = subproblems(q);
    q->error = problem_text(q->arena, &why);
}

static void give_up(struct order_desk_question *q)
{
    struct err_info why = {0};

    (void)err_set(
        &why, ERR_SERVER_INTERNAL,
        "this CA did not reach enough of its perspectives to be sure; it is not "
        "your fault, try again later (%s)",
        list(q, QUORUM_UNREACHED, QUORUM_LATE));
    q->error = problem_text(q->arena, &why);
}

/* Who said what about which name (BR 5.4.1); of CAA before a certificate is made there is
 * no other record. */
static void note(const struct order_desk_question *q)
{
    AUTO(buf) struct buf b = buf_make(NAMES_MAX * 4);
    const struct order_desk_jury *jury = q->jury;

    for (size_t i = 1; i < voice_count(jury); i++)
        buf_printf(&b, "%s%s:%s", i > 1 ? "," : "", remote(jury, i)->name,
                   quorum_voice_word(jury->voices[i].voice));
    buf_add_octet(&b, '\0');
    if (b.failed)
        return;
    bool is_round = q->round != NULL;
    int64_t of = is_round ? order_desk_caa_order(q->round) : q->id;
    log_event(LOG_LEVEL_INFO, "order.quorum",
              "%s=%lld name=%s%s of=%s outcome=%s enforced=%s local=%s remotes=%s",
              is_round ? "order" : "authz", (long long)of, q->check.wildcard ? "*." : "",
              log_value(q->arena, q->check.identifier), is_round ? "caa" : "control",
              quorum_outcome_word(jury->outcome), jury->panel->enforced ? "yes" : "no",
              quorum_voice_word(jury->voices[0].voice), (const char *)b.data);
}

void order_desk_jury_conclude(struct order_desk_question *q)
{
    note(q);
    if (!q->jury->panel->enforced || !q->good)
        return;
    q->good = q->jury->outcome == QUORUM_GOOD;
    if (q->jury->outcome == QUORUM_REFUSED)
        refuse(q);
    else if (!q->good)
        give_up(q);
}

/* The name whose CAA alone was asked about, as it is in the order. */
static const char *caa_of(const struct order_desk_question *q, struct arena *a)
{
    return q->check.purpose != VALIDATE_CAA
               ? NULL
               : arena_printf(a, "%s%s", q->check.wildcard ? "*." : "",
                              q->check.identifier);
}

char *order_desk_jury_evidence(const struct order_desk_question *q, struct arena *a,
                               bool brief)
{
    const struct order_desk_jury *jury = q->jury;
    struct evidence_voice voices[QUORUM_VOICES_MAX] = {0};
    struct evidence e = {.caa_of = caa_of(q, a),
                         .method = q->check.type,
                         .identifier_type = q->check.identifier_type,
                         .good = q->good,
                         .brief = brief,
                         .voices = voices,
                         .count = 1};
    bool local_good =
        jury != NULL ? jury->voices[0].voice == QUORUM_CORROBORATES : q->good;

    voices[0] = (struct evidence_voice){.name = EVIDENCE_LOCAL,
                                        .voice = local_good ? QUORUM_CORROBORATES
                                                            : QUORUM_DIFFERS,
                                        .begun_ms = q->begun_ms,
                                        .ended_ms = q->ended_ms,
                                        .problem = local_good ? NULL : q->error,
                                        .steps = q->record};
    if (jury != NULL) {
        e.rule = &jury->panel->rule;
        e.enforced = jury->panel->enforced;
        e.outcome = jury->outcome;
        e.count = voice_count(jury);
        /* what the authorization knows of a validation has no other place */
        if (e.caa_of != NULL && local_good && !q->good)
            e.problem = q->error;
    }
    for (size_t i = 1; i < e.count; i++) {
        const struct order_desk_voice *v = &jury->voices[i];
        voices[i] = (struct evidence_voice){.name = remote(jury, i)->name,
                                            .region = remote(jury, i)->region,
                                            .voice = v->voice,
                                            .begun_ms = q->begun_ms,
                                            .ended_ms = v->ended_ms,
                                            .problem = v->problem,
                                            .away = v->away,
                                            .steps = v->record};
    }
    return evidence_text(a, &e);
}
