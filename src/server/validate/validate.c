/* The life of a check: attempts, lookups, its time, its verdict. */
#include "server/validate/validate.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/clock.h"
#include "core/base/memory.h"
#include "core/base/text.h"
#include "core/net/tls.h"
#include "server/validate/validate_private.h"

#define RECORD_END 32 /* octets of the record kept for what says that it was cut */
#define RECORD_CAA                                                                       \
    2048 /* octets kept for the decision about CAA, whatever was seen before */

static const struct validate_type validate_types[] = {
    {CHALLENGE_HTTP_01, http_01_start},
    {CHALLENGE_DNS_01, dns_01_start},
    {CHALLENGE_DNS_ACCOUNT_01, dns_01_start_account},
    {CHALLENGE_DNS_PERSIST_01, dns_persist_01_start},
    {CHALLENGE_TLS_ALPN_01, tls_alpn_01_start},
};

enum err validate_new(struct loop *loop, const struct validate_options *options,
                      struct validator **v, struct err_info *why)
{
    struct validator *made = memory_get_zeroed(1, sizeof *made);
    bool complete = false;

    made->loop = loop;
    made->arena = arena_new();
    made->timeout_ms = options->timeout_ms;
    made->connections_per_target = options->connections_per_target;
    made->shares = validate_share_new();
    enum err result = validate_view_set(made, options, true, &complete, why);
    if (result == ERR_OK)
        result = http_fetcher_new(loop, &made->fetcher, why);
    if (result == ERR_OK)
        result = tls_prober_new(loop, TLS_ALPN_ACME_TLS_1, &made->prober, why);
    if (result != ERR_OK) {
        validate_free(made);
        return result;
    }
    *v = made;
    return ERR_OK;
}

bool validate_reload(struct validator *v, const struct validate_options *options)
{
    struct err_info why = {0};
    bool complete = false;

    v->timeout_ms = options->timeout_ms;
    v->connections_per_target = options->connections_per_target;
    return validate_view_set(v, options, false, &complete, &why) == ERR_OK && complete;
}

size_t validate_running(const struct validator *v)
{
    return v->running;
}

/* ---- the record ---- */

size_t validate_step_room(const struct validate_check *c)
{
    size_t most = VALIDATE_RECORD_MAX - RECORD_END - (c->proved ? 0 : RECORD_CAA);

    return c->record_text.len < most ? most - c->record_text.len : 0;
}

static void note_cut(struct validate_check *c)
{
    if (!c->record_full)
        return;
    json_write_begin_object(&c->record, NULL);
    json_write_bool(&c->record, "cut", true);
    json_write_end_object(&c->record);
    c->record_full = false;
}

void validate_step_begin(struct validate_check *c)
{
    c->record_before = c->record;
    c->record_len_before = c->record_text.len;
    json_write_begin_object(&c->record, NULL);
}

void validate_step_end(struct validate_check *c)
{
    json_write_end_object(&c->record);
    if (c->record_text.failed || validate_step_room(c) == 0)
        c->record_full = true;
    if (!c->record_full)
        return;
    c->record = c->record_before;
    c->record_text.len = c->record_len_before;
    c->record_text.failed = false;
}

/* ---- the end of a check ---- */

static void stop_work(struct validate_check *c)
{
    for (size_t i = 0; i < 2; i++) {
        if (c->queries[i] != NULL)
            resolver_cancel(c->queries[i]);
        c->queries[i] = NULL;
    }
    if (c->fetch != NULL)
        http_fetch_cancel(c->fetch);
    c->fetch = NULL;
    caa_stop(c);
    if (c->probe != NULL)
        tls_probe_cancel(c->probe);
    c->probe = NULL;
    validate_share_leave(c);
}

static void check_free(struct validate_check *c)
{
    stop_work(c);
    if (c->previous != NULL)
        c->previous->next = c->next;
    else
        c->validator->checks = c->next;
    if (c->next != NULL)
        c->next->previous = c->previous;
    c->validator->running--;
    loop_timer_free(c->timer);
    buf_free(&c->record_text);
    arena_free(c->arena);
    free(c);
}

/* Told from a turn of its own, so that no caller's ground is taken away under it. */
static void tell(void *argument)
{
    struct validate_check *c = argument;
    struct validate_verdict *verdict = c->state;

    c->listener.done(c->listener.argument, verdict);
    check_free(c);
}

static void decide(struct validate_check *c, bool valid, enum err code,
                   const char *detail)
{
    struct validate_verdict *verdict = arena_get(c->arena, sizeof *verdict);

    stop_work(c);
    note_cut(c);
    json_write_end_array(&c->record);
    verdict->valid = valid;
    verdict->until = valid ? c->proof_until : 0;
    verdict->code = code;
    verdict->answer = c->answer;
    verdict->detail = detail;
    verdict->record = c->record_text.failed
                          ? "[]"
                          : arena_string_of(c->arena, buf_span(&c->record_text));
    c->state = verdict;
    loop_timer_free(c->timer);
    c->timer = loop_timer_new(c->validator->loop, tell, c);
    loop_timer_set(c->timer, 0);
}

void validate_drop_all(struct validator *v, void (*drop)(void *argument))
{
    while (v->checks != NULL) {
        void *argument = v->checks->listener.argument;
        check_free(v->checks);
        drop(argument);
    }
}

void validate_free(struct validator *v)
{
    if (v == NULL)
        return;
    while (v->checks != NULL)
        check_free(v->checks);
    http_fetcher_free(v->fetcher);
    tls_prober_free(v->prober);
    validate_view_free(v);
    validate_share_free(v->shares);
    arena_free(v->arena);
    free(v);
}

/* Control comes first, then CAA: in a turn and with retries of its own. */
void validate_good(struct validate_check *c)
{
    if (c->proved || !caa_is_wanted(c)) {
        decide(c, true, ERR_OK, "");
        return;
    }
    note_cut(c);
    c->proved = true;
    c->attempt = 0;
    stop_work(c);
    loop_timer_set(c->timer, 0);
}

__attribute__((format(printf, 2, 0))) static const char *
sentence(struct validate_check *c, const char *format, va_list values)
{
    char text[ERR_DETAIL_MAX];

    (void)vsnprintf(text, sizeof text, format, values);
    text_make_printable(text);
    return arena_string(c->arena, text);
}

void validate_bad(struct validate_check *c, enum err code, const char *format, ...)
{
    va_list values;

    va_start(values, format);
    const char *detail = sentence(c, format, values);
    va_end(values);
    decide(c, false, code, detail);
}

/* ---- attempts ---- */

static void start_attempt(struct validate_check *c)
{
    c->attempt++;
    if (c->place->resolver == NULL) {
        validate_bad(
            c, ERR_INTERNAL,
            "the validator was not started with this directory's resolver, and has "
            "to be restarted");
        return;
    }
    if (c->proved) {
        caa_start(c);
        return;
    }
    if (c->question.purpose == VALIDATE_SUBMISSION) {
        submission_start(c);
        return;
    }
    for (size_t i = 0; i < sizeof validate_types / sizeof validate_types[0]; i++) {
        if (validate_types[i].type == c->question.type) {
            validate_types[i].start(c);
            return;
        }
    }
    validate_bad(c, ERR_INTERNAL, "the validator knows no %s",
                 terms_challenge_type(c->question.type));
}

/* A retry or a place is due, or a lookup has used up all the time there was. */
static void on_timer(void *argument)
{
    struct validate_check *c = argument;

    if (validate_share_on_timer(c))
        return;
    if (c->answers_due == 0) {
        start_attempt(c);
        return;
    }
    if (c->caa != NULL) {
        caa_late(c);
        return;
    }
    c->answers_due = 0;
    validate_look_up_late(c);
}

void validate_trouble(struct validate_check *c, enum err code, const char *format, ...)
{
    int64_t wait_ms = VALIDATE_RETRY_MS << (c->attempt - 1);
    va_list values;

    va_start(values, format);
    const char *detail = sentence(c, format, values);
    va_end(values);
    stop_work(c);
    /* sooner the resolver would only say the same again */
    if (code == ERR_DNS && wait_ms < resolver_repeats_ms(c->place->resolver))
        wait_ms = resolver_repeats_ms(c->place->resolver);
    if (c->attempt >= VALIDATE_ATTEMPTS || validate_time_left_ms(c) <= wait_ms) {
        decide(c, false, code, detail);
        return;
    }
    loop_timer_set(c->timer, wait_ms);
    if (c->listener.troubled != NULL) {
        const struct validate_trouble trouble = {code, detail, wait_ms};
        c->listener.troubled(c->listener.argument, &trouble);
    }
}

int64_t validate_time_left_ms(const struct validate_check *c)
{
    int64_t left = (c->until_us - clock_monotonic_us()) / 1000;

    return left > 0 ? left : 1;
}

static const char *kept(struct validate_check *c, const char *text)
{
    return arena_string(c->arena, text != NULL ? text : "");
}

static void take_question(struct validate_check *c, const struct validate_question *q)
{
    c->question = *q;
    c->question.directory = kept(c, q->directory);
    c->question.identifier = kept(c, q->identifier);
    c->question.token = kept(c, q->token);
    c->question.key_authorization = kept(c, q->key_authorization);
    c->question.account_uri = kept(c, q->account_uri);
    c->question.caa_identities = kept(c, q->caa_identities);
    if (q->submission != NULL) {
        struct validate_submission *s =
            arena_copy(c->arena, q->submission, sizeof *q->submission);
        s->url = kept(c, s->url);
        s->chain = arena_span(c->arena, s->chain);
        c->question.submission = s;
    }
}

void validate_start(struct validator *v, const struct validate_question *question,
                    const struct validate_listener *listener)
{
    struct validate_check *c = memory_get_zeroed(1, sizeof *c);

    c->validator = v;
    c->next = v->checks;
    if (c->next != NULL)
        c->next->previous = c;
    v->checks = c;
    v->running++;
    c->arena = arena_new();
    c->place = validate_view_of(v, question->directory);
    take_question(c, question);
    c->proved = question->purpose == VALIDATE_CAA;
    c->listener = *listener;
    int64_t timeout_ms =
        question->submission != NULL ? question->submission->timeout_ms : v->timeout_ms;
    c->until_us = clock_monotonic_us() + timeout_ms * 1000;
    c->timer = loop_timer_new(v->loop, on_timer, c);
    c->record_text = buf_make(VALIDATE_RECORD_MAX);
    c->record = json_writer_make(&c->record_text);
    json_write_begin_array(&c->record, NULL);
    start_attempt(c);
}
