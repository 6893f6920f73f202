/* cairn-ca revoke: one step of the CA after the other, until all was looked at. A step is
 * short (admin_revocation.c), so requests go on meanwhile; and whoever breaks off here
 * gives the same command again: what is revoked already is left alone. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/base/clock.h"
#include "core/json/json_copy.h"
#include "core/json/json_read.h"
#include "core/json/json_write.h"
#include "server/admin/admin_client.h"
#include "server/admin/admin_request.h"
#include "server/command/command.h"
#include "server/command/command_admin.h"
#include "server/command/command_revoke_wish.h"

#define OUTPUT_MAX    (4 * 1024 * 1024)
#define ROWS_SHOWN    20
#define UNKNOWN_SHOWN 20
#define PROGRESS_US   2000000 /* between two lines */
#define ISSUERS_SHOWN 400     /* octets */
#define TRIES         20      /* when the CA is being restarted */
#define TRY_AGAIN_S   1

/* All steps together. */
struct sums {
    int64_t certificates;
    int64_t changed;
    int64_t siblings;
    int64_t revoked;
    int64_t expired;
    int64_t unknown;
};

struct revoking {
    const struct command_line *line;
    struct command_revoke_wish wish;
    struct admin_client *client;
    struct sums sums;
    int64_t up_to;
    int64_t shown_us;        /* when progress was told */
    struct json_writer list; /* rows to be shown */
    struct json_writer unknown;
    int64_t rows;
};

/* ---- one step ---- */

static void write_known(struct json_writer *w, const char *name, const char *text)
{
    if (text != NULL)
        json_write_text(w, name, text);
}

static void write_number(struct json_writer *w, const char *name, int64_t number)
{
    if (number != 0)
        json_write_number(w, name, number);
}

static void write_step(const struct revoking *r, struct json_writer *w, size_t first,
                       size_t count, int64_t after)
{
    const struct command_line *line = r->line;
    const struct command_revoke_wish *wish = &r->wish;

    json_write_begin_object(w, NULL);
    json_write_text(w, "command", "revocation step");
    json_write_begin_object(w, "arguments");
    if (count > 0)
        json_write_begin_array(w, "serials");
    for (size_t i = 0; i < count; i++)
        json_write_text(w, NULL, wish->serials[first + i]);
    if (count > 0)
        json_write_end_array(w);
    write_known(w, "certificate", wish->certificate);
    write_known(w, "name", line->subject);
    write_number(w, "account", wish->account);
    write_known(w, "profile", line->profile);
    write_known(w, "issuer", line->issuer_key);
    write_known(w, "key_hash", wish->key_hash);
    write_number(w, "incident", wish->incident);
    write_known(w, "issued_from", wish->issued_from);
    write_known(w, "issued_before", wish->issued_before);
    write_number(w, "up_to", r->up_to);
    write_number(w, "after", after);
    write_known(w, "reason", line->reason);
    write_known(w, "at", wish->at);
    json_write_number(w, "started", wish->started);
    write_number(w, "rows", ROWS_SHOWN - r->rows);
    if (line->yes)
        json_write_bool(w, "commit", true);
    json_write_end_object(w);
    json_write_end_object(w);
}

/* A step can be made twice; so it is, when the CA went away before it had answered. */
static enum err ask(struct revoking *r, struct arena *a, struct span request,
                    const struct json **result, struct err_info *why)
{
    const struct timespec pause = {.tv_sec = TRY_AGAIN_S};
    struct admin_call check = {.arena = a};
    enum err outcome = ERR_OK;

    TRY(admin_request_read(&check, request, why));
    for (int i = 0; i < TRIES; i++) {
        struct buf answer = buf_make(ADMIN_ANSWER_MAX + 1);
        struct span text;
        outcome = admin_client_send(r->client, request, &answer, why);
        if (outcome == ERR_OK)
            outcome = admin_request_answer(a, arena_span(a, buf_span(&answer)), result,
                                           &text, why);
        buf_free(&answer);
        if (outcome != ERR_PROTOCOL)
            return outcome;
        (void)nanosleep(&pause, NULL);
    }
    return outcome;
}

static int64_t number_of(const struct json *object, const char *name)
{
    return json_whole(json_member(object, name));
}

static void add_sums(struct revoking *r, const struct json *step)
{
    const struct json *unknown = json_member(step, "unknown");
    const struct json *list = json_member(step, "certificates");

    r->sums.certificates += number_of(step, "count");
    r->sums.changed += number_of(step, "changed");
    r->sums.siblings += number_of(step, "siblings");
    r->sums.revoked += number_of(step, "revoked");
    r->sums.expired += number_of(step, "expired");
    for (size_t i = 0; i < json_count(unknown); i++)
        if (r->sums.unknown++ < UNKNOWN_SHOWN)
            json_copy_value(&r->unknown, NULL, json_element(unknown, i));
    for (size_t i = 0; i < json_count(list); i++, r->rows++)
        json_copy_value(&r->list, NULL, json_element(list, i));
}

static void tell(struct revoking *r, long long done, long long all, const char *what)
{
    int64_t now = clock_monotonic_us();

    if (now - r->shown_us < PROGRESS_US)
        return;
    r->shown_us = now;
    fprintf(stderr, "cairn-ca: looked at %lld of %lld %s, %lld %s\n", done, all, what,
            (long long)(r->sums.certificates + r->sums.siblings),
            r->line->yes ? "revoked" : "to be revoked");
}

/* All steps for some serials, or for none. */
static enum err walk(struct revoking *r, size_t first, size_t count, struct err_info *why)
{
    int64_t after = 0;

    do {
        AUTO(arena) struct arena *a = arena_new();
        AUTO(buf) struct buf request = buf_make(ADMIN_REQUEST_MAX);
        struct json_writer w = json_writer_make(&request);
        const struct json *step = NULL;
        write_step(r, &w, first, count, after);
        if (request.failed)
            return err_set(why, ERR_USAGE, "that is too much for one command");
        TRY(ask(r, a, buf_span(&request), &step, why));
        add_sums(r, step);
        r->up_to = number_of(step, "up_to");
        after = number_of(step, "next_after");
        if (count == 0)
            tell(r, after, r->up_to, "issuances");
    } while (after != 0);
    return ERR_OK;
}

/* A key identifier as it is listed. */
static bool is_same_key(const char *text, const char *listed)
{
    for (; *text != '\0'; text++)
        if (*text != ':' && tolower((unsigned char)*text) != *listed++)
            return false;
    return *listed == '\0';
}

/* Where nothing was found, an issuer that is mistyped must not look like one that has
 * signed nothing. */
static enum err check_issuer(struct revoking *r, struct err_info *why)
{
    static const char request[] = "{\"command\":\"crl list\",\"arguments\":{}}";
    struct arena *a = r->line->arena;
    const char *wanted = r->line->issuer_key;
    const struct json *answer = NULL;
    const char *before = "";
    const char *known = "";

    TRY(ask(r, a, span_of(request), &answer, why));
    const struct json *lists = json_member(answer, "lists");
    for (size_t i = 0; i < json_count(lists); i++) {
        const char *key = json_text(json_member(json_element(lists, i), "issuer"));
        if (key == NULL || strcmp(key, before) == 0) /* parts of one follow each other */
            continue;
        if (is_same_key(wanted, key))
            return ERR_OK;
        before = key;
        if (strlen(known) < ISSUERS_SHOWN)
            known = arena_printf(a, "%s%s%s", known, known[0] != '\0' ? ", " : "", key);
    }
    return err_set(why, ERR_NOT_FOUND, "--issuer: no certificate is signed by %.100s%s%s",
                   wanted, known[0] != '\0' ? "; known are " : "", known);
}

static enum err walk_all(struct revoking *r, struct err_info *why)
{
    size_t all = r->wish.serial_count;

    if (all == 0) {
        TRY(walk(r, 0, 0, why));
        bool none = r->sums.certificates + r->sums.revoked + r->sums.expired == 0;
        return none && r->line->issuer_key != NULL ? check_issuer(r, why) : ERR_OK;
    }
    for (size_t first = 0; first < all; first += COMMAND_REVOKE_SERIALS) {
        size_t left = all - first;
        TRY(walk(r, first, left < COMMAND_REVOKE_SERIALS ? left : COMMAND_REVOKE_SERIALS,
                 why));
        tell(r, (long long)first, (long long)all, "serials");
    }
    if (r->sums.unknown == (int64_t)all)
        return err_set(why, ERR_NOT_FOUND,
                       all == 1
                           ? "this CA has given no certificate that serial"
                           : "this CA has given no certificate any of these serials");
    return ERR_OK;
}

/* ---- what is printed ---- */

static void write_result(const struct revoking *r, struct json_writer *w,
                         struct span list, struct span unknown)
{
    const struct sums *sums = &r->sums;

    json_write_begin_object(w, NULL);
    json_write_bool(w, "dry_run", !r->line->yes);
    json_write_number(w, "count", sums->certificates);
    json_write_number(w, "siblings", sums->siblings);
    json_write_number(w, "changed", sums->changed);
    json_write_number(w, "already_revoked", sums->revoked);
    json_write_number(w, "expired", sums->expired);
    json_write_number(w, "unknown_serials", sums->unknown);
    json_write_raw(w, "unknown", unknown);
    json_write_raw(w, "certificates", list);
    if (!r->line->yes && sums->certificates > 0)
        json_write_text(w, "command",
                        command_revoke_wish_words(r->line, &r->wish, r->up_to));
    json_write_end_object(w);
}

static enum err print(const struct revoking *r, struct span list, struct span unknown,
                      struct err_info *why)
{
    AUTO(buf) struct buf b = buf_make(OUTPUT_MAX);
    AUTO(buf) struct buf readable = buf_make(OUTPUT_MAX);
    struct json_writer w = json_writer_make(&b);
    const struct json *value = NULL;

    write_result(r, &w, list, unknown);
    if (r->line->json) {
        printf("%.*s\n", (int)b.len, (const char *)b.data);
        return ERR_OK;
    }
    TRY(json_read(r->line->arena, buf_span(&b), &value, why));
    command_admin_print(r->line->arena, &readable, value);
    printf("%.*s", (int)readable.len, (const char *)readable.data);
    return ERR_OK;
}

static enum err run(struct revoking *r, struct err_info *why)
{
    AUTO(buf) struct buf list = buf_make(OUTPUT_MAX / 4);
    AUTO(buf) struct buf unknown = buf_make(OUTPUT_MAX / 4);

    r->list = json_writer_make(&list);
    r->unknown = json_writer_make(&unknown);
    json_write_begin_array(&r->list, NULL);
    json_write_begin_array(&r->unknown, NULL);
    if (walk_all(r, why) != ERR_OK)
        return r->sums.certificates > 0 && r->line->yes
                   ? err_prefix(why,
                                "%lld were revoked, then it broke off; the same command "
                                "goes on",
                                (long long)(r->sums.certificates + r->sums.siblings))
                   : why->code;
    json_write_end_array(&r->list);
    json_write_end_array(&r->unknown);
    return print(r, buf_span(&list), buf_span(&unknown), why);
}

enum err command_revoke(const struct command_line *line, struct err_info *why)
{
    struct revoking r = {.line = line};

    TRY(command_revoke_wish_read(line, &r.wish, why));
    r.up_to = r.wish.up_to;
    r.shown_us = clock_monotonic_us();
    TRY(admin_client_open(line->arena, line->directory, &r.client, why));
    enum err result = run(&r, why);
    admin_client_close(r.client);
    return result;
}
