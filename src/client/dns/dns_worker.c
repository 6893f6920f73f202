/* Finding the place of a record, looking for it, having it added and removed. */
#include "client/dns/dns_worker.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/dns/dns_http.h"
#include "client/dns/dns_query.h"
#include "client/dns/dns_update.h"
#include "client/dns/dns_watch.h"
#include "client/proc/child.h"
#include "client/proc/wire.h"
#include "core/base/text.h"

#define MISSING_MAX 2048 /* octets of a phrase */
#define PASSED_MAX  2000 /* octets of a list of servers */
#define PRIMARY_MAX (DNS_ADDRESSES_MAX * ADDRESS_TEXT_SIZE)

/* What stands first in DNS_FIND and DNS_WATCH, and what DNS_FIND answers. */
enum { NAME, RESOLVER, CHECK, NEEDS_PRIMARY, SERVER, TIMEOUT, FIND_FIELDS };
enum { VALUE = FIND_FIELDS, WATCH_FIELDS };
enum { ISSUERS = FIND_FIELDS, ACCOUNT_URI, WILDCARD, PERSIST_FIELDS };
enum { OWNER, ZONE, PRIMARY, REMARK, BLIND, FOUND_FIELDS };

/* What DNS_FIND found for a name. */
struct found {
    struct found *next;
    const char *question[FIND_FIELDS];
    struct dns_place place;
};

struct worker {
    struct arena *arena; /* of one order */
    int fd;              /* to the process that asks */
    struct dns_silent silent;
    struct found *found; /* the newest first */
    struct dns_watched *watched;
};

static const char *text_of(const struct wire_message *m, size_t i)
{
    return (const char *)m->fields[i].data; /* a NUL is behind it */
}

static enum err malformed(struct err_info *why)
{
    return err_set(why, ERR_PROTOCOL, "a call to the DNS process is malformed");
}

static void forget(struct worker *w)
{
    w->found = NULL;
    w->watched = NULL;
    arena_reset(w->arena);
}

static struct dns_asker make_asker(struct worker *w, struct arena *a)
{
    const struct dns_asker k = {.arena = a, .stop = w->fd, .silent = &w->silent};

    return k;
}

/* ---- finding ---- */

static void write_addresses(struct buf *b, const struct dns_addresses *addresses)
{
    char text[ADDRESS_TEXT_SIZE];

    for (size_t i = 0; i < addresses->count; i++) {
        address_text_with_port(&addresses->list[i], text);
        buf_printf(b, "%s%s", i > 0 ? " " : "", text);
    }
}

static const struct found *find_again(const struct worker *w,
                                      const struct wire_message *m)
{
    for (const struct found *f = w->found; f != NULL; f = f->next) {
        size_t same = 0;
        while (same < FIND_FIELDS && strcmp(f->question[same], text_of(m, same)) == 0)
            same++;
        if (same == FIND_FIELDS)
            return f;
    }
    return NULL;
}

/* A resolver that remembers for longer than is waited that there was nothing need not be
 * asked; without it there is nobody to ask. */
static void go_blind(struct worker *w, struct dns_place *place, int64_t timeout_ms)
{
    if (!place->is_lenient || place->remembered * 1000LL < timeout_ms ||
        place->remembered == 0 || place->server_count == 0)
        return;
    place->server_count = 0;
    place->remark = arena_printf(
        w->arena,
        "none of the name servers of %s can be asked from here (port 53), and the "
        "resolver remembers for %u s that there was nothing: nobody sees the record",
        place->zone, place->remembered);
}

/* A name and its wildcard have the same record name: found once is enough. */
static enum err find_once(struct worker *w, const struct wire_message *m,
                          const struct dns_place **place, struct err_info *why)
{
    const struct found *before = find_again(w, m);
    struct dns_place_options options = {.needs_primary =
                                            text_of(m, NEEDS_PRIMARY)[0] != '\0'};
    struct dns_asker k = make_asker(w, w->arena);
    uint64_t timeout_ms = 0;

    if (before != NULL) {
        *place = &before->place;
        return ERR_OK;
    }
    if (!dns_place_read_check(text_of(m, CHECK), &options.check) ||
        !text_number(m->fields[TIMEOUT], INT64_MAX, &timeout_ms))
        return malformed(why);
    struct found *f = arena_get(w->arena, sizeof *f);
    for (size_t i = 0; i < FIND_FIELDS; i++)
        f->question[i] = arena_string(w->arena, text_of(m, i));
    options.server = f->question[SERVER];
    TRY(dns_ask_resolvers(f->question[RESOLVER], &k.resolvers, why));
    TRY(dns_place_find(&k, &options, f->question[NAME], &f->place, why));
    go_blind(w, &f->place, (int64_t)timeout_ms);
    f->next = w->found;
    w->found = f;
    *place = &f->place;
    return ERR_OK;
}

static enum err find(struct worker *w, struct arena *a, const struct wire_message *m,
                     struct wire_message *answer, struct err_info *why)
{
    AUTO(buf) struct buf primary = buf_make(PRIMARY_MAX);
    const struct dns_place *place = NULL;

    if (m->count != FIND_FIELDS)
        return malformed(why);
    bool again = find_again(w, m) != NULL;
    TRY(find_once(w, m, &place, why));
    write_addresses(&primary, &place->primary);
    answer->fields[OWNER] = span_of(place->owner);
    answer->fields[ZONE] = span_of(place->zone);
    answer->fields[PRIMARY] = arena_span(a, buf_span(&primary));
    answer->fields[REMARK] = span_of(again ? "" : place->remark); /* said once */
    answer->fields[BLIND] =
        span_of(place->is_lenient && place->server_count == 0 ? "blind" : "");
    answer->count = FOUND_FIELDS;
    return ERR_OK;
}

/* ---- looking ---- */

/* What a record of dns-persist-01 must grant. */
static const struct dns_persist_wish *read_wish(struct worker *w,
                                                const struct wire_message *m)
{
    struct dns_persist_wish *wish = arena_get(w->arena, sizeof *wish);

    wish->issuers = arena_string(w->arena, text_of(m, ISSUERS));
    wish->account_uri = arena_string(w->arena, text_of(m, ACCOUNT_URI));
    wish->wildcard = m->fields[WILDCARD].len > 0;
    return wish;
}

/* From now on DNS_LOOK looks for it. */
static enum err watch(struct worker *w, const struct wire_message *m,
                      struct err_info *why)
{
    struct dns_watched *one = arena_get(w->arena, sizeof *one);
    bool persists = m->type == WIRE_DNS_WATCH_PERSIST;

    if (m->count != (persists ? PERSIST_FIELDS : WATCH_FIELDS))
        return malformed(why);
    TRY(find_once(w, m, &one->place, why));
    one->name = arena_string(w->arena, text_of(m, NAME));
    if (persists)
        one->persist = read_wish(w, m);
    else
        one->value = arena_string(w->arena, text_of(m, VALUE));
    one->next = w->watched;
    w->watched = one;
    return ERR_OK;
}

/* Answer: where a record is missing, in words; nothing if it is everywhere. */
static enum err look(struct worker *w, struct arena *a, struct wire_message *answer,
                     struct err_info *why)
{
    AUTO(buf) struct buf missing = buf_make(MISSING_MAX);
    AUTO(buf) struct buf passed = buf_make(PASSED_MAX);
    AUTO(buf) struct buf names = buf_make(DNS_WATCH_MAX * (DNS_NAME_MAX + 1));
    const struct dns_asker k = make_asker(w, a);

    TRY(dns_watch_look(&k, w->watched, &missing, &passed, why));
    for (const struct dns_watched *one = w->watched; one != NULL; one = one->next)
        if (!dns_watch_is_seen(one))
            buf_printf(&names, "%s\n", one->name);
    answer->fields[0] = arena_span(a, buf_span(&missing));
    answer->fields[1] = arena_span(a, buf_span(&passed));
    answer->fields[2] = arena_span(a, buf_span(&names));
    answer->count = 3;
    return ERR_OK;
}

/* ---- calls ---- */

static enum err obey(struct worker *w, struct arena *a, const struct wire_message *m,
                     int file, struct wire_message *answer, struct err_info *why)
{
    switch (m->type) {
    case WIRE_DNS_FIND:
        return find(w, a, m, answer, why);
    case WIRE_DNS_ADD:
    case WIRE_DNS_REMOVE:
        return dns_update_run(a, w->fd, m, file, why);
    case WIRE_DNS_HTTP:
        return dns_http_run(a, m, answer, why);
    case WIRE_DNS_WATCH:
    case WIRE_DNS_WATCH_PERSIST:
        return watch(w, m, why);
    case WIRE_DNS_QUERY: {
        struct dns_asker k = make_asker(w, a);
        return dns_query_serve(&k, m, answer, why);
    }
    case WIRE_DNS_LOOK:
        return look(w, a, answer, why);
    case WIRE_CLOSE:
        forget(w);
        return ERR_OK;
    default:
        return malformed(why);
    }
}

static enum err answer_with(int fd, enum err result, const struct wire_message *answer,
                            const struct err_info *why)
{
    struct err_info ignored = {0};

    return result == ERR_OK ? wire_send(fd, answer, &ignored)
                            : wire_send_failure(fd, why, &ignored);
}

/* Calls of a line apart need nothing of the worker's. */
static void *serve_apart(void *argument)
{
    int fd = (int)(intptr_t)argument;
    enum err result = ERR_OK;

    while (result == ERR_OK) {
        AUTO(arena) struct arena *a = arena_new();
        struct wire_message answer = {.type = WIRE_ANSWER};
        struct err_info why = {0};
        struct wire_message m;
        int file = -1;

        if (wire_receive(a, fd, &m, &file, &why) != ERR_OK)
            break;
        if (m.type == WIRE_DNS_HTTP)
            result = dns_http_run(a, &m, &answer, &why);
        else if (m.type == WIRE_DNS_ADD || m.type == WIRE_DNS_REMOVE)
            result = dns_update_run(a, fd, &m, file, &why);
        else
            result = malformed(&why);
        if (file >= 0)
            (void)close(file);
        result = answer_with(fd, result, &answer, &why);
    }
    (void)close(fd);
    return NULL;
}

/* Who asks bounds how many there are. A line that nobody serves is closed, which tells
 * who asks. */
static void begin_apart(int fd)
{
    pthread_t thread;

    if (fd < 0)
        return;
    if (pthread_create(&thread, NULL, serve_apart, (void *)(intptr_t)fd) == 0)
        (void)pthread_detach(thread);
    else
        (void)close(fd);
}

int dns_worker_run(int fd)
{
    struct worker w = {.arena = arena_new(), .fd = fd};
    struct err_info why = {0};

    child_ignore_signals();
    for (;;) {
        AUTO(arena) struct arena *a = arena_new();
        struct wire_message answer = {.type = WIRE_ANSWER};
        struct wire_message m;
        int file = -1;

        if (wire_receive(a, fd, &m, &file, &why) != ERR_OK)
            break; /* nobody asks any more */
        if (m.type == WIRE_DNS_APART) {
            begin_apart(file);
            continue;
        }
        enum err result = obey(&w, a, &m, file, &answer, &why);
        if (file >= 0)
            (void)close(file);
        if (answer_with(fd, result, &answer, &why) != ERR_OK)
            break;
    }
    forget(&w);
    arena_free(w.arena);
    return EXIT_SUCCESS;
}
