/* Requests checked against the table, run, and answered. */
#include "server/admin/admin_request.h"

#include <string.h>

#include "core/base/clock.h"
#include "core/base/text.h"
#include "server/audit/audit.h"

bool admin_request_time(const char *text, int64_t now, int64_t *seconds)
{
    int64_t milliseconds = 0;

    if (text_duration_ms(span_of(text), &milliseconds) &&
        milliseconds / 1000 < INT64_MAX - now) {
        *seconds = now + milliseconds / 1000;
        return true;
    }
    return clock_read(span_of(text), seconds);
}

bool admin_request_past(const char *text, int64_t now, int64_t *seconds)
{
    int64_t milliseconds = 0;

    if (text_duration_ms(span_of(text), &milliseconds) && milliseconds / 1000 < now) {
        *seconds = now - milliseconds / 1000;
        return true;
    }
    return clock_read(span_of(text), seconds);
}

/* ---- arguments ---- */

static enum err check_text(const struct admin_argument *g, const char *shown,
                           const char *text, int64_t least, int64_t most,
                           struct err_info *why)
{
    size_t len = text != NULL ? strlen(text) : 0;

    if (text == NULL)
        return err_set(why, ERR_USAGE, "%s: %s is no text", shown, g->shown);
    if ((int64_t)len < least || (int64_t)len > most)
        return err_set(why, ERR_USAGE, "%s: %s has %lld to %lld octets", shown, g->shown,
                       (long long)least, (long long)most);
    for (const char *p = text; *p != '\0'; p++)
        if ((unsigned char)*p < ' ' || *p == 0x7f)
            return err_set(why, ERR_USAGE, "%s: \"%.100s\" has control characters", shown,
                           text);
    return ERR_OK;
}

static enum err check_list(const struct admin_argument *g, const char *shown,
                           const struct json *value, struct err_info *why)
{
    int64_t count = (int64_t)json_count(value);

    if (!json_is_array(value))
        return err_set(why, ERR_USAGE, "%s must be a list", shown);
    if (count < g->least || count > g->most)
        return err_set(why, ERR_USAGE, "%s: %lld %s, but it must be %lld to %lld", shown,
                       (long long)count,
                       g->kind == ADMIN_LINES ? "lines are in the file" : "are given",
                       (long long)g->least, (long long)g->most);
    for (size_t i = 0; i < (size_t)count; i++)
        TRY(check_text(g, shown, json_text(json_element(value, i)), 1, ADMIN_ITEM_MAX,
                       why));
    return ERR_OK;
}

static enum err check_keys(const struct admin_argument *g, const char *shown,
                           const struct json *value, struct err_info *why)
{
    uint8_t hash[STORE_HASH_SIZE];
    size_t len = 0;

    TRY(check_list(g, shown, value, why));
    for (size_t i = 0; i < json_count(value); i++)
        if (!text_unhex(json_span(json_element(value, i)), hash, sizeof hash, &len) ||
            len != sizeof hash)
            return err_set(why, ERR_USAGE, "%s: \"%.100s\" is no SHA-256 in hexadecimal",
                           shown, json_text(json_element(value, i)));
    return ERR_OK;
}

static enum err check_file(const struct admin_argument *g, const char *shown,
                           const struct json *value, struct err_info *why)
{
    int64_t len = (int64_t)json_span(value).len;

    if (json_text(value) == NULL)
        return err_set(why, ERR_USAGE, "%s: %s is no text", shown, g->shown);
    return len >= g->least && len <= g->most
               ? ERR_OK
               : err_set(why, ERR_USAGE, "%s: the file has %lld to %lld octets", shown,
                         (long long)g->least, (long long)g->most);
}

static enum err check_duration(const struct admin_argument *g, const char *shown,
                               const char *text, struct err_info *why)
{
    int64_t milliseconds = 0;

    if (text == NULL || !text_duration_ms(span_of(text), &milliseconds))
        return err_set(why, ERR_USAGE,
                       "%s: \"%.50s\" is no duration, such as 90d, 36h or 15m", shown,
                       text != NULL ? text : "");
    if (milliseconds < g->least || milliseconds > g->most)
        return err_set(why, ERR_USAGE, "%s: %.50s is too %s: from %lld s to %lld s",
                       shown, text, milliseconds < g->least ? "short" : "long",
                       (long long)g->least / 1000, (long long)g->most / 1000);
    return ERR_OK;
}

static enum err check_time(const char *shown, const char *text, int64_t now,
                           struct err_info *why)
{
    int64_t seconds = 0;

    if (text == NULL || !admin_request_time(text, now, &seconds))
        return err_set(why, ERR_USAGE,
                       "%s: \"%.50s\" is no time, such as 2030-01-31T00:00:00Z, or 90d "
                       "from now",
                       shown, text != NULL ? text : "");
    if (seconds <= now)
        return err_set(why, ERR_USAGE, "%s: %.50s is over already", shown, text);
    return ERR_OK;
}

static enum err check_past(const char *shown, const char *text, int64_t now,
                           struct err_info *why)
{
    int64_t seconds = 0;

    if (text == NULL || !admin_request_past(text, now, &seconds))
        return err_set(why, ERR_USAGE,
                       "%s: \"%.50s\" is no time, such as 2026-01-31T00:00:00Z, or 36h "
                       "before now",
                       shown, text != NULL ? text : "");
    if (seconds > now)
        return err_set(why, ERR_USAGE, "%s: %.50s is still to come", shown, text);
    return ERR_OK;
}

static enum err check_argument(const struct admin_call *call,
                               const struct admin_argument *g, const struct json *value,
                               struct err_info *why)
{
    const char *shown = admin_argument_text(call->arena, g);

    switch (g->kind) {
    case ADMIN_FLAG:
        if (!json_is_true(value) && !json_is_false(value))
            return err_set(why, ERR_USAGE, "%s must be true or false", shown);
        return ERR_OK;
    case ADMIN_NUMBER:
        if (!json_is_whole(value) || json_whole(value) < g->least ||
            json_whole(value) > g->most)
            return err_set(why, ERR_USAGE, "%s must be a number from %lld to %lld", shown,
                           (long long)g->least, (long long)g->most);
        return ERR_OK;
    case ADMIN_LIST:
    case ADMIN_LINES:
        return check_list(g, shown, value, why);
    case ADMIN_KEYS:
        return check_keys(g, shown, value, why);
    case ADMIN_FILE:
        return check_file(g, shown, value, why);
    case ADMIN_DURATION:
        return check_duration(g, shown, json_text(value), why);
    case ADMIN_TIME:
        return check_time(shown, json_text(value), call->now, why);
    case ADMIN_PAST:
        return check_past(shown, json_text(value), call->now, why);
    default:
        return check_text(g, shown, json_text(value), g->least, g->most, why);
    }
}

static enum err check_arguments(const struct admin_call *call,
                                const struct admin_command *command,
                                const struct json *arguments, struct err_info *why)
{
    const char *name = NULL;
    const struct json *value;

    for (size_t i = 0; i < json_count(arguments); i++) {
        value = json_member_at(arguments, i, &name);
        const struct admin_argument *g = admin_argument(command, name);
        if (g == NULL)
            return err_set(why, ERR_USAGE, "%s has no argument \"%.100s\"", command->name,
                           name);
        TRY(check_argument(call, g, value, why));
    }
    for (const struct admin_argument *g = command->arguments; g->name != NULL; g++)
        if (g->place != ADMIN_OPTION && json_member(arguments, g->name) == NULL)
            return err_set(why, ERR_USAGE, "%s is missing: %s",
                           admin_argument_text(call->arena, g), g->sentence);
    return ERR_OK;
}

enum err admin_request_read(struct admin_call *call, struct span request,
                            struct err_info *why)
{
    const struct json *value = NULL;
    const char *name = NULL;

    if (request.len > ADMIN_REQUEST_MAX)
        return err_set(why, ERR_TOO_LARGE, "the request is larger than %d octets",
                       ADMIN_REQUEST_MAX);
    TRY(json_read_up_to(call->arena, request, ADMIN_REQUEST_MAX, &value, why));
    TRY(json_need_text(value, "command", &name, why));
    const struct json *arguments = json_member(value, "arguments");
    if (!json_is_object(arguments) || json_count(value) != 2)
        return err_set(why, ERR_MALFORMED,
                       "a request has a command and arguments, nothing else");
    const struct admin_command *command = admin_find(name);
    if (command == NULL)
        return err_set(why, ERR_USAGE, "the CA has no command \"%.100s\"", name);
    call->now = clock_now();
    call->asked = command->name;
    TRY(check_arguments(call, command, arguments, why));
    call->command = command;
    call->arguments = arguments;
    return ERR_OK;
}

/* ---- answers ---- */

void admin_request_error(struct buf *answer, enum err code, const struct err_info *why)
{
    struct json_writer w = json_writer_make(answer);

    json_write_begin_object(&w, NULL);
    json_write_begin_object(&w, "error");
    json_write_text(&w, "code", err_name(code));
    json_write_text(&w, "detail", why->detail);
    json_write_end_object(&w);
    json_write_end_object(&w);
}

/* A request that is whole, as it came; else, or if it is long, its digest. */
static void note(struct admin_call *call, struct span request, enum err result,
                 const struct err_info *why)
{
    struct audit_line l;

    audit_begin(&l, AUDIT_ADMIN);
    json_write_text(&l.w, "command", call->asked);
    if (call->arguments != NULL && request.len <= AUDIT_REQUEST_MAX)
        json_write_raw(&l.w, "request", request);
    else
        audit_digest(&l, "request_sha256", request);
    json_write_number(&l.w, "uid", call->uid);
    json_write_bool(&l.w, "running", call->services != NULL);
    audit_result(&l, result, why);
    audit_end(&l, call->session);
}

static enum err run(struct admin_call *call, struct store *store, struct span request,
                    struct buf *answer, struct err_info *why)
{
    struct json_writer w = json_writer_make(answer);
    struct err_info lost = {0};

    store_session_begin(call->session);
    enum err result = admin_request_read(call, request, why);
    if (result != ERR_OK) {
        note(call, request, result, why);
        if (store_wait(store, store_session_ticket(call->session), &lost) == ERR_OK)
            return result;
        *why = lost;
        return ERR_STORE;
    }
    call->result = &w;
    json_write_begin_object(&w, NULL);
    json_write_begin_object(&w, "result");
    result = call->command->run(call, why);
    note(call, request, result == ERR_OK && call->refused ? why->code : result, why);
    if (call->held)
        store_notes_release(call->session);
    json_write_end_object(&w);
    json_write_end_object(&w);
    /* a failure may speak of what is not on disk yet, too */
    enum err durable = store_wait(store, store_session_ticket(call->session), &lost);
    if (durable != ERR_OK) { /* nor is its line in the log */
        *why = lost;
        return durable;
    }
    if (result != ERR_OK)
        return result;
    if (answer->failed)
        return err_set(why, ERR_TOO_LARGE,
                       "the result is larger than %d octets: ask for less at a time",
                       ADMIN_ANSWER_MAX);
    return ERR_OK;
}

enum err admin_request_run(struct admin_call *call, struct store *store,
                           struct span request, struct buf *answer)
{
    struct err_info why = {0};
    enum err result = run(call, store, request, answer, &why);

    if (result != ERR_OK) {
        buf_clear(answer);
        admin_request_error(answer, result, &why);
    }
    return result;
}

static enum err failure(const struct json *error, struct err_info *why)
{
    const char *name = NULL;
    const char *detail = NULL;

    TRY(json_need_text(error, "code", &name, why));
    TRY(json_need_text(error, "detail", &detail, why));
    for (int code = ERR_OK + 1; code < ERR_COUNT; code++)
        if (strcmp(err_name((enum err)code), name) == 0)
            return err_set(why, (enum err)code, "%s", detail);
    return err_set(why, ERR_REFUSED, "%s", detail);
}

enum err admin_request_answer(struct arena *a, struct span answer,
                              const struct json **value, struct span *text,
                              struct err_info *why)
{
    static const char head[] = ADMIN_REQUEST_RESULT;
    const struct json *whole = NULL;
    const size_t head_len = sizeof head - 1;

    if (json_read(a, answer, &whole, why) != ERR_OK)
        return err_set(why, ERR_PROTOCOL,
                       "the CA broke off its answer: whether it was done is not known");
    const struct json *error = json_member(whole, "error");
    if (error != NULL)
        return failure(error, why);
    if (!json_is_object(json_member(whole, "result")) ||
        !span_is(span_slice(answer, 0, head_len), head))
        return err_set(why, ERR_PROTOCOL, "the CA's answer is none");
    *value = json_member(whole, "result");
    *text = span_slice(answer, head_len, answer.len - head_len - 1);
    return ERR_OK;
}
