/* Looking for records at many servers at once. */
#include "client/dns/dns_watch.h"

#include <string.h>

#include "core/base/clock.h"
#include "core/base/random.h"
#include "core/base/text.h"
#include "core/dns/dns_exchange.h"

#define QUERY_MAX 512 /* octets */
#define TOLD_MAX  3   /* servers named in a phrase */

/* One question under way. */
struct question {
    struct dns_watched *record;
    size_t server;
    const char *trouble; /* why it does not show the record */
};

struct round {
    const struct dns_asker *k;
    struct dns_exchange *exchanges;
    struct question *questions;
    size_t count;
    struct buf *missing;
    struct buf *passed;
    size_t missing_count;
    const char *told; /* the record that was named last; NULL: none */
};

static bool fits(const struct dns_watched *w, struct span text)
{
    struct dns_persist_wish wish;
    struct err_info ignored = {0};
    int64_t until = 0;

    if (w->persist == NULL)
        return span_is(text, w->value);
    wish = *w->persist;
    wish.now = clock_now();
    return dns_persist_judge(text, &wish, &until, &ignored) == DNS_PERSIST_GRANTED;
}

static bool has_value(const struct dns_answer *answer, const struct dns_watched *w)
{
    for (size_t i = 0; i < answer->answer.count; i++)
        if (answer->answer.records[i].type == DNS_TXT &&
            fits(w, answer->answer.records[i].text))
            return true;
    return false;
}

static enum err add_question(struct round *r, struct dns_watched *w, size_t server,
                             struct err_info *why)
{
    struct buf query = buf_make(QUERY_MAX);
    bool recursion = w->place->servers[server].name[0] == '\0';

    enum err result = dns_wire_query(&query, w->place->owner, DNS_TXT, recursion,
                                     (unsigned int)random_below(UINT16_MAX + 1), why);
    if (result == ERR_OK) {
        r->questions[r->count] = (struct question){.record = w, .server = server};
        r->exchanges[r->count] =
            (struct dns_exchange){.to = w->place->servers[server].address,
                                  .message = arena_span(r->k->arena, buf_span(&query))};
        r->count++;
    }
    buf_free(&query);
    return result;
}

static bool others_are_reached(const struct dns_watched *w)
{
    for (size_t i = 0; i < w->place->server_count; i++)
        if (!w->skipped[i])
            return true;
    return false;
}

static const char *server_text(const struct dns_server *server)
{
    return server->name[0] != '\0' ? server->name : "the resolver";
}

/* A server that nobody can ask does not keep the CA from asking the others. */
static void note_silence(struct round *r, const struct question *q)
{
    struct dns_watched *w = q->record;
    const struct dns_server *server = &w->place->servers[q->server];
    char address[ADDRESS_TEXT_SIZE];

    if (!w->place->is_lenient || w->skipped[q->server] ||
        ++w->silences[q->server] < DNS_WATCH_SILENCES)
        return;
    w->skipped[q->server] = true;
    if (!others_are_reached(w)) {
        w->skipped[q->server] = false;
        return;
    }
    dns_ask_remember_silent(r->k, &server->address);
    address_text(&server->address, address);
    buf_printf(r->passed, "%s%s (%s) does not answer and is passed over",
               r->passed->len > 0 ? "; " : "", server_text(server), address);
}

/* What came of one. */
static void judge(struct round *r, size_t i)
{
    struct question *q = &r->questions[i];
    const struct dns_exchange *e = &r->exchanges[i];
    struct dns_answer answer;
    struct err_info why = {0};

    if (dns_exchange_is_unreachable(e))
        q->record->skipped[q->server] = true;
    if (e->answer.len == 0) {
        q->trouble =
            arena_printf(r->k->arena, "does not answer (%s)", strerror(e->os_error));
        note_silence(r, q);
    } else if (dns_wire_read(r->k->arena, e->answer, &answer, &why) != ERR_OK) {
        q->trouble = "answers something odd";
    } else if (has_value(&answer, q->record)) {
        q->record->seen[q->server] = true;
    } else if (answer.rcode == DNS_NOERROR || answer.rcode == DNS_NXDOMAIN) {
        q->trouble = "does not have it yet";
    } else {
        q->trouble =
            arena_printf(r->k->arena, "answers %s", dns_rcode_name(answer.rcode));
    }
}

static void tell(struct round *r, const struct question *q)
{
    const struct dns_server *server = &q->record->place->servers[q->server];
    const char *owner = q->record->place->owner;
    char address[ADDRESS_TEXT_SIZE];

    if (q->record->seen[q->server] ||
        (q->record->skipped[q->server] && others_are_reached(q->record)))
        return;
    r->missing_count++;
    if (r->missing_count > TOLD_MAX)
        return;
    address_text(&server->address, address);
    if (r->missing_count > 1)
        buf_add_text(r->missing, "; ");
    if (r->told == NULL || strcmp(r->told, owner) != 0)
        buf_printf(r->missing, "%s: ", owner);
    r->told = owner;
    buf_printf(r->missing, "%s (%s) %s", server_text(server), address, q->trouble);
}

/* Ask what was gathered, and begin anew. */
static enum err ask_all(struct round *r, struct err_info *why)
{
    TRY(dns_exchange_all(r->k->arena, r->exchanges, r->count, DNS_ASK_WAIT_MS, r->k->stop,
                         why));
    for (size_t i = 0; i < r->count; i++)
        judge(r, i);
    for (size_t i = 0; i < r->count; i++)
        tell(r, &r->questions[i]);
    r->count = 0;
    return ERR_OK;
}

static enum err look_for(struct round *r, struct dns_watched *w, struct err_info *why)
{
    for (size_t i = 0; i < w->place->server_count; i++) {
        if (w->seen[i] || (w->skipped[i] && others_are_reached(w)))
            continue;
        if (r->count == DNS_EXCHANGE_MAX)
            TRY(ask_all(r, why));
        TRY(add_question(r, w, i, why));
    }
    return ERR_OK;
}

bool dns_watch_is_seen(const struct dns_watched *w)
{
    for (size_t i = 0; i < w->place->server_count; i++)
        if (!w->seen[i] && !(w->skipped[i] && others_are_reached(w)))
            return false;
    return true;
}

enum err dns_watch_look(const struct dns_asker *k, struct dns_watched *first,
                        struct buf *missing, struct buf *passed, struct err_info *why)
{
    struct round r = {.k = k, .missing = missing, .passed = passed};

    r.exchanges = arena_array(k->arena, DNS_EXCHANGE_MAX, sizeof *r.exchanges);
    r.questions = arena_array(k->arena, DNS_EXCHANGE_MAX, sizeof *r.questions);
    for (struct dns_watched *w = first; w != NULL; w = w->next)
        TRY(look_for(&r, w, why));
    TRY(ask_all(&r, why));
    if (r.missing_count > TOLD_MAX)
        buf_printf(missing, "; and %zu more", r.missing_count - TOLD_MAX);
    return ERR_OK;
}
