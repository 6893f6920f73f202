/* Evidence as JSON. */
#include "server/order/evidence.h"

#include <string.h>

#include "core/base/buf.h"
#include "core/base/clock.h"
#include "core/json/json_write.h"

#define FRAME_MAX                                                                        \
    3072 /* octets of one perspective's part without its steps and its problem */
#define LOCAL_SHARE     (EVIDENCE_MAX / 4)
#define PROBLEM_MAX     (16 * 1024) /* octets of what the quorum made of it */
#define CAA_REQUIREMENT "3.2.2.8"   /* of the Baseline Requirements */
#define STEPS_DEPTH     4 /* levels of a document above steps, and one of a list of them */

const char *evidence_requirement(enum challenge_type method,
                                 enum identifier_type identifier)
{
    static const char *const of_names[CHALLENGE_TYPE_COUNT] = {
        [CHALLENGE_HTTP_01] = "3.2.2.4.19",
        [CHALLENGE_DNS_01] = "3.2.2.4.7",
        [CHALLENGE_TLS_ALPN_01] = "3.2.2.4.20",
        [CHALLENGE_DNS_ACCOUNT_01] = "3.2.2.4.21",
        [CHALLENGE_DNS_PERSIST_01] = "3.2.2.4.22",
    };

    if (identifier != IDENTIFIER_IP)
        return of_names[method];
    return method == CHALLENGE_HTTP_01 ? "3.2.2.5.6" : "3.2.2.5.7";
}

/* With milliseconds: validations are often shorter than a second. */
static void write_time(struct json_writer *w, const char *name, int64_t ms)
{
    char text[CLOCK_TEXT_SIZE + 4];
    AUTO(buf) struct buf b = buf_make(sizeof text + 8);

    if (ms == 0)
        return;
    clock_text(text, ms / 1000);
    text[strcspn(text, "Z")] = '\0';
    buf_printf(&b, "%s.%03dZ", text, (int)(ms % 1000));
    json_write_span(w, name, buf_span(&b));
}

/* A list that can still be read where it stands in the document. */
static bool is_steps(struct arena *a, const char *text)
{
    const char *there =
        arena_printf(a, "%.*s%s%.*s", STEPS_DEPTH, "[[[[", text, STEPS_DEPTH, "]]]]");
    const struct json *value = NULL;
    struct err_info unread = {0};

    if (json_read(a, span_of(there), &value, &unread) != ERR_OK)
        return false;
    for (int i = 0; i < STEPS_DEPTH; i++)
        value = json_count(value) == 1 ? json_element(value, 0) : NULL;
    return json_is_array(value);
}

/* `alone`: there is nobody else whose part it could spoil, and what our own validator
 * writes need not be read first by every validation. */
static void write_steps(struct arena *a, struct json_writer *w, const char *steps,
                        size_t room, bool alone)
{
    if (steps == NULL || !(alone || is_steps(a, steps))) {
        json_write_begin_array(w, "steps");
        json_write_end_array(w);
        if (steps != NULL)
            json_write_bool(w, "unreadable", true);
    } else if (strlen(steps) > room) {
        json_write_begin_array(w, "steps");
        json_write_end_array(w);
        json_write_bool(w, "cut", true);
    } else {
        json_write_raw(w, "steps", span_of(steps));
    }
}

static void write_voice(struct arena *a, struct json_writer *w,
                        const struct evidence_voice *v, size_t room, bool alone)
{
    json_write_begin_object(w, NULL);
    json_write_text(w, "name", v->name);
    if (v->region != NULL)
        json_write_text(w, "region", v->region);
    json_write_text(w, "verdict", quorum_voice_word(v->voice));
    write_time(w, "begun", v->begun_ms);
    write_time(w, "ended", v->ended_ms);
    if (v->problem != NULL && strlen(v->problem) <= room) {
        json_write_raw(w, "problem", span_of(v->problem));
        room -= strlen(v->problem);
    }
    if (v->away != NULL)
        json_write_text(w, "away", v->away);
    write_steps(a, w, v->steps, room, alone);
    json_write_end_object(w);
}

static void write_quorum(struct json_writer *w, const struct evidence *e)
{
    int64_t may_differ =
        e->rule->may_differ >= 0 ? e->rule->may_differ : quorum_table(e->count - 1);

    json_write_begin_object(w, "quorum");
    json_write_text(w, "outcome", quorum_outcome_word(e->outcome));
    json_write_bool(w, "enforced", e->enforced);
    json_write_number(w, "remotes", (int64_t)e->count - 1);
    json_write_number(w, "minimum", e->rule->minimum);
    json_write_number(w, "may_differ", may_differ);
    json_write_number(w, "regions", e->rule->regions);
    json_write_end_object(w);
}

/* What it is about. Of CAA alone: the method matters, as records may say which is to be
 * used (RFC 8657 4). */
static void write_subject(struct json_writer *w, const struct evidence *e)
{
    if (e->caa_of == NULL) {
        json_write_text(w, "method", terms_challenge_type(e->method));
        const char *requirement = evidence_requirement(e->method, e->identifier_type);
        if (requirement != NULL)
            json_write_text(w, "requirement", requirement);
        return;
    }
    json_write_text(w, "caa", e->caa_of);
    if ((size_t)e->method < CHALLENGE_TYPE_COUNT)
        json_write_text(w, "method", terms_challenge_type(e->method));
    json_write_text(w, "requirement", CAA_REQUIREMENT);
}

/* Octets for the steps and the problem of a perspective. */
static size_t room_of(const struct evidence *e, size_t index)
{
    size_t share = (EVIDENCE_MAX - LOCAL_SHARE) / e->count;

    if (e->brief)
        return 0;
    return (index == 0 ? LOCAL_SHARE : share) - FRAME_MAX;
}

char *evidence_text(struct arena *a, const struct evidence *e)
{
    AUTO(arena) struct arena *scratch = arena_new();
    AUTO(buf) struct buf b = buf_make(EVIDENCE_MAX);
    struct json_writer w = json_writer_make(&b);

    json_write_begin_object(&w, NULL);
    json_write_number(&w, "version", EVIDENCE_VERSION);
    json_write_text(&w, "software", CAIRN_VERSION);
    write_subject(&w, e);
    json_write_text(&w, "baseline_requirements", EVIDENCE_BASELINE);
    json_write_text(&w, "verdict", e->good ? "valid" : "invalid");
    if (e->problem != NULL && !e->brief && strlen(e->problem) <= PROBLEM_MAX)
        json_write_raw(&w, "problem", span_of(e->problem));
    if (e->rule != NULL)
        write_quorum(&w, e);
    json_write_begin_array(&w, "perspectives");
    for (size_t i = 0; i < e->count; i++)
        write_voice(scratch, &w, &e->voices[i], room_of(e, i), e->count == 1);
    json_write_end_array(&w);
    json_write_end_object(&w);
    return b.failed ? arena_string(a, "{\"version\":1,\"cut\":true,\"perspectives\":[]}")
                    : arena_string_of(a, buf_span(&b));
}

enum err evidence_read(struct arena *a, const char *text, const struct json **document,
                       struct err_info *why)
{
    const struct json *value = NULL;

    TRY(json_read(a, span_of(text), &value, why));
    if (!json_is_array(value) && !json_is_array(json_member(value, "perspectives")))
        return err_set(why, ERR_MALFORMED, "the record is no evidence");
    *document = value;
    return ERR_OK;
}

size_t evidence_count(const struct json *document)
{
    return json_is_array(document) ? 1
                                   : json_count(json_member(document, "perspectives"));
}

const struct json *evidence_steps(const struct json *document, size_t index)
{
    if (json_is_array(document))
        return document;
    return json_member(json_element(json_member(document, "perspectives"), index),
                       "steps");
}

const char *evidence_name(const struct json *document, size_t index)
{
    return json_text(
        json_member(json_element(json_member(document, "perspectives"), index), "name"));
}
