/* http-01 by a web server that runs already: its configuration is changed for as long as
 * the CA looks, and is then again what it was. */
#include <string.h>
#include <unistd.h>

#include "client/proc/wire.h"
#include "client/solve/solve_private.h"
#include "client/solve/web_journal.h"
#include "client/solve/web_server.h"
#include "core/base/clock.h"
#include "core/base/interrupt.h"
#include "core/base/secret.h"

#define ANSWERS_MS    10000 /* within which it must answer */
#define LOOK_AGAIN_MS 50
#define IN_A_ROW      2 /* rounds; a server that reads its files anew has two minds */

struct web {
    struct web_server server;
    struct solve_task tasks[SOLVE_TOKENS_MAX];
    struct web_entry entry;
    int journal;  /* lock of the entry; -1: there is none */
    bool is_told; /* the server has read what was put in */
};

static enum err present(struct solver *s, const struct solve_task *task,
                        struct err_info *why)
{
    struct web *web = s->state;
    size_t n = web->server.task_count;

    if (n == SOLVE_TOKENS_MAX)
        return err_set(why, ERR_TOO_LARGE, "more than %d challenges", SOLVE_TOKENS_MAX);
    web->tasks[n] = (struct solve_task){
        .type = task->type,
        .identifier = {task->identifier.type,
                       arena_string(s->arena, task->identifier.value)},
        .token = arena_string(s->arena, task->token),
        .key_authorization = arena_string(s->arena, task->key_authorization)};
    web->server.task_count++;
    return ERR_OK;
}

/* ---- putting it in, and out ---- */

static enum err begin_journal(struct solver *s, struct err_info *why)
{
    struct web *web = s->state;
    const struct web_server *w = &web->server;
    const char **files = arena_array(s->arena, w->piece_count + 1, sizeof *files);
    size_t count = 0;

    for (size_t i = 0; i < w->piece_count; i++) {
        bool known = false;
        for (size_t k = 0; k < count && !known; k++)
            known = strcmp(files[k], w->pieces[i].file) == 0;
        if (!known)
            files[count++] = w->pieces[i].file;
    }
    web->entry = (struct web_entry){
        .server = w->title, .config = w->config, .files = files, .file_count = count};
    return web_journal_begin(s->arena, s->options->directory, &web->entry, &web->journal,
                             why);
}

static enum err take_out(struct solver *s, struct err_info *why)
{
    struct web *web = s->state;
    int lock = -1;

    TRY(web_server_lock(web->server.main_file, &lock, why));
    enum err result = ERR_OK;
    for (size_t i = 0; i < web->entry.file_count; i++) {
        struct err_info one = {0};
        if (web_edit_undo(s->arena, web->entry.id, web->entry.files[i], &one) != ERR_OK) {
            result = one.code;
            *why = one;
        }
    }
    (void)close(lock);
    return result;
}

/* Whatever becomes of the order. What cannot be undone now is undone by the next run. */
static void undo(struct solver *s)
{
    struct web *web = s->state;
    struct err_info why = {0};

    if (web->journal < 0)
        return;
    enum err result = take_out(s, &why);
    if (result == ERR_OK) {
        if (web->is_told)
            result = web->server.kind->reload(&web->server, &why);
        struct err_info ignored = {0};
        (void)!web_journal_end(s->arena, s->options->directory, &web->entry, web->journal,
                               &ignored);
    } else
        (void)close(web->journal);
    web->journal = -1;
    if (result != ERR_OK)
        report_warning("the configuration of %s could not be put back as it was: %s",
                       web->server.title, why.detail);
}

static enum err put_in(struct solver *s, struct err_info *why)
{
    struct web *web = s->state;
    struct web_server *w = &web->server;
    int lock = -1;

    /* found and changed under one lock: places are octets of files as they are now */
    TRY(web_server_lock(w->main_file, &lock, why));
    w->piece_count = 0;
    w->place_count = 0;
    enum err result = w->kind->find(w, why);
    if (result == ERR_OK)
        result = begin_journal(s, why);
    if (result == ERR_OK)
        result = web_edit_apply(s->arena, web->entry.id, w->pieces, w->piece_count, why);
    (void)close(lock);
    return result;
}

/* ---- does it answer ---- */

static enum err look(struct solver *s, const struct address *at,
                     const struct solve_task *task, struct err_info *why)
{
    char to[ADDRESS_TEXT_SIZE];
    struct wire_message m = {WIRE_LOOK, {{0}}, 0};
    struct wire_message back;

    address_text_with_port(at, to);
    m.fields[m.count++] = span_of(to);
    m.fields[m.count++] = span_of(task->identifier.value);
    m.fields[m.count++] = span_of(web_server_path(s->arena, task->token));
    TRY(wire_send(s->options->listener, &m, why));
    TRY(wire_receive(s->arena, s->options->listener, &back, NULL, why));
    if (back.type != WIRE_ANSWER)
        return wire_failure(&back, why);
    if (back.count == 3 && span_is(back.fields[0], "200") &&
        secret_equal(back.fields[1], span_of(task->key_authorization)))
        return ERR_OK;
    return err_set(why, ERR_CONNECTION, "%s, asked for %s, answers with %s%s%.*s", to,
                   task->identifier.value,
                   back.count > 0 ? (const char *)back.fields[0].data : "nothing",
                   back.count == 3 && back.fields[2].len > 0 ? " and the way to " : "",
                   back.count == 3 ? (int)back.fields[2].len : 0,
                   back.count == 3 ? (const char *)back.fields[2].data : "");
}

static enum err look_everywhere(struct solver *s, struct err_info *why)
{
    struct web *web = s->state;

    for (size_t p = 0; p < web->server.place_count; p++)
        for (size_t i = 0; i < web->server.task_count; i++)
            TRY(look(s, &web->server.places[p], &web->tasks[i], why));
    return ERR_OK;
}

/* Until it answers as it should, by every address. */
static enum err wait_for_it(struct solver *s, struct err_info *why)
{
    const int64_t end_us = clock_monotonic_us() + ANSWERS_MS * 1000;
    int good = 0;

    for (;;) {
        struct err_info last = {0};
        enum err result = look_everywhere(s, &last);
        good = result == ERR_OK ? good + 1 : 0;
        if (good == IN_A_ROW)
            return ERR_OK;
        if (result == ERR_INTERRUPTED || clock_monotonic_us() > end_us) {
            *why = last;
            return err_prefix(why, "%s does not answer the challenge",
                              ((struct web *)s->state)->server.title);
        }
        if (!interrupt_sleep_ms(LOOK_AGAIN_MS))
            return err_set(why, ERR_INTERRUPTED, "interrupted");
    }
}

/* What is wrong with the server may be right next time, and is not about our settings. */
static enum err as_validation(enum err result, struct err_info *why)
{
    if (result == ERR_CONFIG || result == ERR_NOT_FOUND || result == ERR_CONNECTION)
        result = why->code = ERR_VALIDATION;
    return result;
}

static enum err ready(struct solver *s, struct err_info *why)
{
    struct web *web = s->state;

    enum err result = put_in(s, why);
    if (result == ERR_OK)
        result = web->server.kind->reload(&web->server, why);
    web->is_told = result == ERR_OK;
    if (result == ERR_OK)
        result = wait_for_it(s, why);
    return as_validation(result, why);
}

enum err http_web_open(struct solver *s, const char *way, struct err_info *why)
{
    struct web *web = arena_get(s->arena, sizeof *web);
    struct web_server *w = &web->server;

    if (!web_server_read(way, &w->kind, &w->config))
        return err_set(why, ERR_USAGE, "http: \"%.100s\" is no web server", way);
    w->title = w->kind->title;
    w->arena = s->arena;
    w->runner = s->options->runner;
    w->tasks = web->tasks;
    w->port = (uint16_t)s->options->wanted->certificate->http_port;
    web->journal = -1;
    (void)web_server_recover(s->options->directory, w->runner, s->options->report);
    /* before the CA makes anything of it */
    TRY(as_validation(w->kind->find(w, why), why));
    s->state = web;
    s->present = present;
    s->ready = ready;
    s->close = undo;
    s->description =
        arena_printf(s->arena, "answered by %s (%s)", w->title, w->main_file);
    return ERR_OK;
}
