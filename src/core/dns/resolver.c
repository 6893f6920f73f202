/* libunbound on our loop. */
#include "core/dns/resolver.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unbound-event.h>
#include <unbound.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/file.h"
#include "core/base/log.h"
#include "core/base/memory.h"
#include "core/base/text.h"
#include "core/dns/resolver_trace.h"

#define TRACE_SECONDS 10 /* after a failure, so that the next one has a reason */
#define TRACE_LEVEL   2
#define REPEATS_MS                                                                       \
    6100 /* a SERVFAIL is kept for 5 s, counted in whole ones, whatever is set */

struct resolver {
    struct resolver *next;
    struct ub_ctx *context;
    struct resolver_query *queries;
    struct address server;  /* ADDRESS_NONE: from the root */
    int64_t trace_until_us; /* 0: nothing is noted */
};

struct resolver_query {
    struct resolver *resolver;
    struct resolver_query *next;
    struct resolver_query *previous;
    enum dns_type type;
    char name[DNS_NAME_MAX + 2]; /* with a dot at the end */
    struct resolver_trace trace;
    int id;
    bool traced;               /* from its beginning */
    unsigned int tcp_failures; /* of all questions, when it was asked */
    bool asking;               /* ub_resolve_event has not returned yet */
    bool over;
    void (*done)(void *argument, const struct resolver_result *result);
    void *argument;
};

/* Names that libunbound answers by itself unless told otherwise (RFC 6761, 7686, 8375,
 * 9462); a CA for a private network must see what that network's DNS says. Those of RFC
 * 6303 are not there at all (unblock-lan-zones), the last two only in newer versions. */
static const char *const built_in_zones[] = {
    "localhost.",
    "127.in-addr.arpa.",
    "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa.",
    "test.",
    "invalid.",
    "onion.",
    "home.arpa.",
    "resolver.arpa.",
    "service.arpa.",
};

/* ---- notes ---- */

/* libunbound has one log for the whole process: it belongs to the thread of the loop. */
static struct {
    FILE *file;
    struct resolver *resolvers;
    struct resolver_query *current; /* what the next lines are about */
    unsigned int tcp_failures;
    char
        tcp[RESOLVER_TRACE_TCP_MAX]; /* the last of them; of which question is not said */
} notes;

static bool is_about(const struct resolver_query *q, struct span question)
{
    const char *type = q->type == DNS_A      ? " A"
                       : q->type == DNS_AAAA ? " AAAA"
                       : q->type == DNS_TXT  ? " TXT"
                                             : " CAA";
    size_t len = strlen(q->name);

    return text_equal_ignoring_case(span_slice(question, 0, len), span_of(q->name)) &&
           span_is(span_slice(question, len, question.len), type);
}

static struct resolver_query *find_query(struct span question)
{
    for (struct resolver *r = notes.resolvers; r != NULL; r = r->next)
        for (struct resolver_query *q = r->queries; q != NULL; q = q->next)
            if (is_about(q, question))
                return q;
    return NULL;
}

/* A failure over TCP is of no question in particular: of this one if one server is asked
 * about everything, or if nothing else was asked. */
static bool is_of(const struct resolver_query *q)
{
    return q->resolver->server.family != ADDRESS_NONE ||
           (q->next == NULL && q->previous == NULL);
}

static void report(struct span error)
{
    char text[RESOLVER_DETAIL_MAX];

    (void)snprintf(text, sizeof text, "%.*s", (int)error.len, (const char *)error.data);
    text_make_printable(text);
    log_event(LOG_LEVEL_WARNING, "resolver.error", "why=" LOG_QUOTE, text);
}

static ssize_t on_note(void *cookie, const char *data, size_t len)
{
    struct span text = {0};
    enum resolver_trace_kind kind = resolver_trace_read(span_make(data, len), &text);
    struct resolver_query *q = notes.current;

    (void)cookie;
    if (kind == RESOLVER_TRACE_ERROR) {
        report(text);
    } else if (kind == RESOLVER_TRACE_TCP) {
        notes.tcp_failures++;
        (void)snprintf(notes.tcp, sizeof notes.tcp, "%.*s", (int)text.len,
                       (const char *)text.data);
    } else if (kind == RESOLVER_TRACE_QUESTION) {
        notes.current = find_query(text);
    } else if (q != NULL && kind == RESOLVER_TRACE_SERVER) {
        (void)snprintf(q->trace.server, sizeof q->trace.server, "%.*s", (int)text.len,
                       (const char *)text.data);
    } else if (q != NULL && kind == RESOLVER_TRACE_USE) {
        q->trace.answers++;
        (void)snprintf(q->trace.use, sizeof q->trace.use, "%.*s", (int)text.len,
                       (const char *)text.data);
    }
    return (ssize_t)len;
}

/* Everything that libunbound would write to standard error ends here. */
static void take_notes(struct ub_ctx *context)
{
    if (notes.file == NULL)
        notes.file = fopencookie(NULL, "w", (cookie_io_functions_t){.write = on_note});
    if (notes.file == NULL)
        return;
    (void)setvbuf(notes.file, NULL, _IOLBF, BUFSIZ);
    (void)ub_ctx_debugout(context, notes.file);
}

/* Notes cost something; they are taken while there are failures. */
static void trace(struct resolver *r, bool failed)
{
    int64_t now = clock_monotonic_us();

    if (failed && r->trace_until_us == 0)
        (void)ub_ctx_debuglevel(r->context, TRACE_LEVEL);
    if (failed)
        r->trace_until_us = now + TRACE_SECONDS * 1000000LL;
    else if (r->trace_until_us != 0 && now > r->trace_until_us) {
        (void)ub_ctx_debuglevel(r->context, 0);
        r->trace_until_us = 0;
    }
}

/* ---- settings ---- */

struct setting {
    const char *name;
    const char *value;
};

#define AS_TEXT(x)     #x
#define NUMBER_TEXT(x) AS_TEXT(x)

static const struct setting settings_always[] = {
    {"module-config:", "validator iterator"},
    {"unblock-lan-zones:", "yes"},
    {"insecure-lan-zones:", "yes"},
    {"do-not-query-localhost:", "no"},
    {"qname-minimisation:", "yes"},
    {"harden-glue:", "yes"},
    {"use-caps-for-id:", "no"},
    /* whoever is not answered keeps a socket: others must not wait for it */
    {"outgoing-range:", NUMBER_TEXT(RESOLVER_SOCKETS_MAX)},
    {"outgoing-num-tcp:", NUMBER_TEXT(RESOLVER_STREAMS_MAX)},
    {"num-queries-per-thread:", "4096"},
    {"edns-buffer-size:", "1232"},
    /* a subscriber corrects his DNS and tries again at once */
    {"cache-max-negative-ttl:", "1"},
    {"aggressive-nsec:", "no"}, /* it would deny his new names for longer (RFC 8198) */
    {"infra-host-ttl:", "60"},
};

/* Nothing is remembered of how well the resolver answers: it is silent about names whose
 * own servers are, a few such names are enough to call it dead, and then every other name
 * fails with SERVFAIL. */
static const struct setting settings_forwarding[] = {{"module-config:", "iterator"},
                                                     {"infra-host-ttl:", "0"}};
/* Delegations are kept for a while, but no longer than a subscriber takes to put another
 * record in place; nor is what was found forged. */
static const struct setting settings_recursing[] = {{"cache-max-ttl:", "10"},
                                                    {"val-bogus-ttl:", "1"}};

static enum err apply(struct ub_ctx *context, const struct setting *list, size_t count,
                      struct err_info *why)
{
    for (size_t i = 0; i < count; i++) {
        int result = ub_ctx_set_option(context, list[i].name, list[i].value);
        if (result != 0)
            return err_set(why, ERR_INTERNAL, "libunbound refuses %s %s: %s",
                           list[i].name, list[i].value, ub_strerror(result));
    }
    return ERR_OK;
}

/* The resolver asked has a cache of its own, so nothing is kept here: libunbound would
 * repeat a SERVFAIL for five seconds, and no retry would reach the network. Only its
 * configuration file can say so, here a file in memory. */
static enum err forward(struct ub_ctx *context, const struct address *server,
                        struct err_info *why)
{
    char host[ADDRESS_TEXT_SIZE];
    char path[32];
    char text[3 * ADDRESS_TEXT_SIZE];
    unsigned int port = server->port != 0 ? server->port : 53U;

    TRY(apply(context, settings_forwarding,
              sizeof settings_forwarding / sizeof settings_forwarding[0], why));
    address_text(server, host);
    (void)snprintf(text, sizeof text,
                   "forward-zone:\n name: \".\"\n forward-addr: %s@%u\n"
                   " forward-no-cache: yes\n",
                   host, port);
    int file = memfd_create("resolver", MFD_CLOEXEC);
    if (file < 0 || !file_write_all(file, span_of(text))) {
        int os_error = errno;
        if (file >= 0)
            (void)close(file);
        return err_set_os(why, ERR_INTERNAL, os_error, "a file in memory");
    }
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    int result = ub_ctx_config(context, path);
    (void)close(file);
    if (result != 0)
        return err_set(why, ERR_CONFIG, "cannot ask the resolver %s@%u: %s", host, port,
                       ub_strerror(result));
    return ERR_OK;
}

/* Names at or below which the anchor above says nothing. */
static enum err take_insecure_zones(struct ub_ctx *context,
                                    const struct resolver_options *o,
                                    struct err_info *why)
{
    for (size_t i = 0; i < o->insecure_zone_count; i++) {
        const struct setting setting = {"domain-insecure:", o->insecure_zones[i]};
        TRY(apply(context, &setting, 1, why));
    }
    return ERR_OK;
}

static enum err configure(struct ub_ctx *context, const struct resolver_options *o,
                          struct err_info *why)
{
    TRY(apply(context, settings_always,
              sizeof settings_always / sizeof settings_always[0], why));
    if (o->server.family != ADDRESS_NONE) {
        TRY(forward(context, &o->server, why));
    } else {
        TRY(apply(context, settings_recursing,
                  sizeof settings_recursing / sizeof settings_recursing[0], why));
        if (o->trust_anchor_file != NULL && file_exists(o->trust_anchor_file) &&
            ub_ctx_add_ta_file(context, o->trust_anchor_file) != 0)
            return err_set(why, ERR_CONFIG, "cannot read the trust anchor %s",
                           o->trust_anchor_file);
        TRY(take_insecure_zones(context, o, why));
    }
    /* this also makes libunbound read and open whatever it needs */
    for (size_t i = 0; i < sizeof built_in_zones / sizeof built_in_zones[0]; i++)
        (void)ub_ctx_zone_remove(context, built_in_zones[i]);
    return ERR_OK;
}

enum err resolver_new(struct loop *loop, const struct resolver_options *o,
                      struct resolver **r, struct err_info *why)
{
    struct ub_ctx *context = ub_ctx_create_event(loop_base(loop));

    if (context == NULL)
        return err_set(why, ERR_INTERNAL, "libunbound gives no context");
    take_notes(context);
    enum err result = configure(context, o, why);
    if (result != ERR_OK) {
        ub_ctx_delete(context);
        return result;
    }
    struct resolver *made = memory_get_zeroed(1, sizeof *made);
    made->context = context;
    made->server = o->server;
    made->next = notes.resolvers;
    notes.resolvers = made;
    *r = made;
    return ERR_OK;
}

static void query_free(struct resolver_query *q)
{
    if (q->previous != NULL)
        q->previous->next = q->next;
    else
        q->resolver->queries = q->next;
    if (q->next != NULL)
        q->next->previous = q->previous;
    if (notes.current == q)
        notes.current = NULL;
    free(q);
}

void resolver_free(struct resolver *r)
{
    if (r == NULL)
        return;
    while (r->queries != NULL)
        resolver_cancel(r->queries);
    ub_ctx_delete(r->context);
    struct resolver **link = &notes.resolvers;
    while (*link != r)
        link = &(*link)->next;
    *link = r->next;
    free(r);
}

static void finish(struct resolver_query *q, const struct resolver_result *result)
{
    q->over = true;
    q->done(q->argument, result);
    if (!q->asking)
        query_free(q);
}

static void read_answer(struct arena *a, struct span packet,
                        struct resolver_result *result, char *reason)
{
    struct err_info why = {0};
    enum err read;

    if (result->type == DNS_TXT)
        read = dns_message_texts(a, packet, &result->texts, &result->count,
                                 &result->alias, &why);
    else if (result->type == DNS_CAA)
        read = dns_message_caa(a, packet, &result->caa, &result->count, &why);
    else
        read = dns_message_addresses(packet, result->type, result->addresses,
                                     RESOLVER_ADDRESSES_MAX, &result->count, &why);
    if (read != ERR_OK) {
        result->rcode = DNS_SERVFAIL;
        (void)text_copy(reason, RESOLVER_DETAIL_MAX, why.detail);
        result->reason = reason;
    }
}

static void on_answer(void *argument, int rcode, void *packet, int packet_len, int sec,
                      char *why_bogus, int was_ratelimited)
{
    struct resolver_query *q = argument;
    bool has_texts = q->type == DNS_TXT || q->type == DNS_CAA;
    AUTO(arena) struct arena *a = has_texts ? arena_new() : NULL;
    struct resolver_result result = {.type = q->type, .rcode = rcode};
    char reason[RESOLVER_DETAIL_MAX] = "";

    (void)was_ratelimited;
    result.bogus = sec == 1;
    if (rcode == DNS_NOERROR && sec == 1) {
        result.rcode = DNS_SERVFAIL;
    } else if (rcode == DNS_NOERROR && packet != NULL) {
        /* the packet's own code says NXDOMAIN: rcode is about the resolution */
        result.rcode =
            packet_len > 3 ? ((const uint8_t *)packet)[3] & 0x0f : DNS_SERVFAIL;
        /* an alias may be there without a name that it leads to */
        if (result.rcode == DNS_NOERROR ||
            (result.rcode == DNS_NXDOMAIN && q->type == DNS_TXT))
            read_answer(a, span_make(packet, (size_t)packet_len), &result, reason);
    }
    bool failed = result.rcode == DNS_SERVFAIL && !result.bogus && result.reason == NULL;
    if (why_bogus != NULL && why_bogus[0] != '\0') {
        (void)snprintf(reason, sizeof reason, "DNSSEC: %s", why_bogus);
        text_make_printable(reason);
        result.reason = reason;
    } else if (failed && q->traced) {
        if (notes.tcp_failures != q->tcp_failures && is_of(q))
            (void)text_copy(q->trace.tcp, sizeof q->trace.tcp, notes.tcp);
        result.reason = resolver_trace_reason(&q->trace, reason, sizeof reason);
        text_make_printable(reason);
    } else if (failed) {
        result.reason = "SERVFAIL, from a server or for want of an answer";
    } else if (result.reason == NULL) {
        result.reason = dns_rcode_name(result.rcode);
    }
    trace(q->resolver, failed);
    finish(q, &result);
}

struct resolver_query *
resolver_ask(struct resolver *r, const char *name, enum dns_type type,
             void (*done)(void *argument, const struct resolver_result *result),
             void *argument)
{
    struct resolver_query *q = memory_get_zeroed(1, sizeof *q);

    q->resolver = r;
    q->type = type;
    q->done = done;
    q->argument = argument;
    (void)snprintf(q->name, sizeof q->name, "%s.", name);
    trace(r, false);
    q->traced = r->trace_until_us != 0 && notes.file != NULL;
    q->tcp_failures = notes.tcp_failures;
    q->next = r->queries;
    if (q->next != NULL)
        q->next->previous = q;
    r->queries = q;
    q->asking = true;
    int result =
        ub_resolve_event(r->context, name, (int)type, DNS_CLASS_IN, q, on_answer, &q->id);
    if (result != 0 && !q->over) {
        const struct resolver_result failed = {
            .type = type, .rcode = DNS_SERVFAIL, .reason = ub_strerror(result)};
        finish(q, &failed);
    }
    q->asking = false;
    if (q->over) {
        query_free(q);
        return NULL;
    }
    return q;
}

int64_t resolver_repeats_ms(const struct resolver *r)
{
    return r->server.family != ADDRESS_NONE ? 0 : REPEATS_MS;
}

const struct address *resolver_server(const struct resolver *r)
{
    return r->server.family != ADDRESS_NONE ? &r->server : NULL;
}

void resolver_cancel(struct resolver_query *q)
{
    (void)ub_cancel(q->resolver->context, q->id);
    query_free(q);
}
