/* The life of a check: attempts, lookups, its time, its verdict. */
#include "server/validate/validate.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/clock.h"
#include "core/base/file.h"
#include "core/base/log.h"
#include "core/base/memory.h"
#include "core/base/text.h"
#include "server/validate/validate_private.h"

#define RECORD_END        32 /* octets of the record kept for what says that it was cut */
#define TRUST_ANCHOR_FILE "/usr/share/dns/root.key" /* Debian's dns-root-data */

static const struct validate_type validate_types[] = {
    {CHALLENGE_HTTP_01, http_01_start},
};

enum err validate_new(struct loop *loop, const struct validate_options *options,
                      struct validator **v, struct err_info *why)
{
    const struct resolver_options resolver = {.server = options->resolver,
                                              .trust_anchor_file = TRUST_ANCHOR_FILE};
    struct validator *made = memory_get_zeroed(1, sizeof *made);

    if (options->resolver.family == ADDRESS_NONE && !file_exists(TRUST_ANCHOR_FILE))
        log_event(LOG_LEVEL_WARNING, "validator.no_dnssec",
                  "why=\"there is no " TRUST_ANCHOR_FILE "\"");
    made->loop = loop;
    made->options = *options;
    enum err result = resolver_new(loop, &resolver, &made->resolver, why);
    if (result == ERR_OK)
        result = http_fetcher_new(loop, &made->fetcher, why);
    if (result != ERR_OK) {
        validate_free(made);
        return result;
    }
    *v = made;
    return ERR_OK;
}

void validate_reload(struct validator *v, const struct validate_options *options)
{
    struct address resolver = v->options.resolver;

    v->options = *options;
    v->options.resolver = resolver;
}

size_t validate_running(const struct validator *v)
{
    return v->running;
}

/* ---- the record ---- */

void validate_step_begin(struct validate_check *c)
{
    c->record_before = c->record;
    c->record_len_before = c->record_text.len;
    json_write_begin_object(&c->record, NULL);
}

void validate_step_end(struct validate_check *c)
{
    json_write_end_object(&c->record);
    if (c->record_text.failed || c->record_text.len > VALIDATE_RECORD_MAX - RECORD_END)
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

    c->done(c->argument, verdict);
    check_free(c);
}

static void decide(struct validate_check *c, bool valid, enum err code,
                   const char *detail)
{
    struct validate_verdict *verdict = arena_get(c->arena, sizeof *verdict);

    stop_work(c);
    if (c->record_full) {
        json_write_begin_object(&c->record, NULL);
        json_write_bool(&c->record, "cut", true);
        json_write_end_object(&c->record);
    }
    json_write_end_array(&c->record);
    verdict->valid = valid;
    verdict->code = code;
    verdict->detail = detail;
    verdict->record = c->record_text.failed
                          ? "[]"
                          : arena_string_of(c->arena, buf_span(&c->record_text));
    c->state = verdict;
    loop_timer_free(c->timer);
    c->timer = loop_timer_new(c->validator->loop, tell, c);
    loop_timer_set(c->timer, 0);
}

void validate_free(struct validator *v)
{
    if (v == NULL)
        return;
    while (v->checks != NULL)
        check_free(v->checks);
    http_fetcher_free(v->fetcher);
    resolver_free(v->resolver);
    free(v);
}

void validate_good(struct validate_check *c)
{
    decide(c, true, ERR_OK, "");
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
    for (size_t i = 0; i < sizeof validate_types / sizeof validate_types[0]; i++) {
        if (validate_types[i].type == c->type) {
            validate_types[i].start(c);
            return;
        }
    }
    validate_bad(c, ERR_INTERNAL, "the validator knows no %s",
                 terms_challenge_type(c->type));
}

/* A retry is due, or a lookup has used up all the time there was. */
static void on_timer(void *argument)
{
    struct validate_check *c = argument;

    if (c->answers_due == 0) {
        start_attempt(c);
        return;
    }
    c->answers_due = 0;
    validate_bad(c, ERR_DNS, "looking up %s: no answer in time", c->host);
}

void validate_trouble(struct validate_check *c, enum err code, const char *format, ...)
{
    int64_t wait_ms = VALIDATE_RETRY_MS << (c->attempt - 1);
    va_list values;

    va_start(values, format);
    const char *detail = sentence(c, format, values);
    va_end(values);
    stop_work(c);
    if (c->attempt >= VALIDATE_ATTEMPTS || validate_time_left_ms(c) <= wait_ms) {
        decide(c, false, code, detail);
        return;
    }
    loop_timer_set(c->timer, wait_ms);
}

int64_t validate_time_left_ms(const struct validate_check *c)
{
    int64_t left = (c->until_us - clock_monotonic_us()) / 1000;

    return left > 0 ? left : 1;
}

void validate_start(struct validator *v, const struct validate_question *question,
                    void (*done)(void *argument, const struct validate_verdict *verdict),
                    void *argument)
{
    struct validate_check *c = memory_get_zeroed(1, sizeof *c);

    c->validator = v;
    c->next = v->checks;
    if (c->next != NULL)
        c->next->previous = c;
    v->checks = c;
    v->running++;
    c->arena = arena_new();
    c->type = question->type;
    c->identifier = arena_string(c->arena, question->identifier);
    c->token = arena_string(c->arena, question->token);
    c->key_authorization = arena_string(c->arena, question->key_authorization);
    c->done = done;
    c->argument = argument;
    c->until_us = clock_monotonic_us() + v->options.timeout_ms * 1000;
    c->timer = loop_timer_new(v->loop, on_timer, c);
    c->record_text = buf_make(VALIDATE_RECORD_MAX);
    c->record = json_writer_make(&c->record_text);
    json_write_begin_array(&c->record, NULL);
    start_attempt(c);
}

/* ---- lookups ---- */

static void note_lookup(struct validate_check *c)
{
    char text[ADDRESS_TEXT_SIZE];

    validate_step_begin(c);
    json_write_text(&c->record, "lookup", c->host);
    for (size_t i = 0; i < 2; i++) {
        const struct resolver_result *r = &c->answers[i];
        const char *name = r->type == DNS_A ? "a" : "aaaa";
        if (r->rcode != DNS_NOERROR) {
            json_write_text(&c->record, name, r->reason);
            continue;
        }
        json_write_begin_array(&c->record, name);
        for (size_t j = 0; j < r->count; j++) {
            address_text(&r->addresses[j], text);
            json_write_text(&c->record, NULL, text);
        }
        json_write_end_array(&c->record);
    }
    validate_step_end(c);
}

static void on_answer(struct validate_check *c, size_t which,
                      const struct resolver_result *result)
{
    c->queries[which] = NULL;
    c->answers[which] = *result;
    (void)text_copy(c->reasons[which], sizeof c->reasons[which], result->reason);
    c->answers[which].reason = c->reasons[which];
    if (--c->answers_due > 0)
        return;
    loop_timer_clear(c->timer);
    note_lookup(c);
    c->looked_up(c);
}

static void on_aaaa(void *argument, const struct resolver_result *result)
{
    on_answer(argument, 0, result);
}

static void on_a(void *argument, const struct resolver_result *result)
{
    on_answer(argument, 1, result);
}

/* One count more than there are questions, taken back below: an answer that comes while
 * the second question is being asked must not end the lookup. */
void validate_look_up(struct validate_check *c, const char *host,
                      void (*looked_up)(struct validate_check *c))
{
    static const struct resolver_result none = {.rcode = DNS_NOERROR, .reason = ""};

    c->host = host;
    c->looked_up = looked_up;
    c->answers_due = 3;
    loop_timer_set(c->timer, validate_time_left_ms(c));
    c->answers[0] = none;
    c->answers[1] = none;
    c->queries[0] = resolver_ask(c->validator->resolver, host, DNS_AAAA, on_aaaa, c);
    c->queries[1] = resolver_ask(c->validator->resolver, host, DNS_A, on_a, c);
    if (--c->answers_due == 0) {
        loop_timer_clear(c->timer);
        note_lookup(c);
        looked_up(c);
    }
}

/* ---- where it may go ---- */

bool validate_may_connect(const struct validator *v, const struct address *a)
{
    if (!address_is_special(a))
        return true;
    for (size_t i = 0; i < v->options.allowed_count; i++)
        if (address_network_has(&v->options.allowed[i], a))
            return true;
    return false;
}
