/* libunbound on our loop. */
#include "core/dns/resolver.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unbound-event.h>
#include <unbound.h>
#include <unistd.h>

#include "core/base/file.h"
#include "core/base/memory.h"
#include "core/base/text.h"

struct resolver {
    struct ub_ctx *context;
    struct resolver_query *queries;
};

struct resolver_query {
    struct resolver *resolver;
    struct resolver_query *next;
    struct resolver_query *previous;
    enum dns_type type;
    int id;
    bool asking; /* ub_resolve_event has not returned yet */
    bool over;
    void (*done)(void *argument, const struct resolver_result *result);
    void *argument;
};

/* Names that libunbound answers by itself unless told otherwise; a CA for a private
 * network must see what that network's DNS says. */
static const char *const built_in_zones[] = {"localhost.", "test.", "invalid.", "onion.",
                                             "home.arpa."};

struct setting {
    const char *name;
    const char *value;
};

static const struct setting settings_always[] = {
    {"module-config:", "validator iterator"},
    {"unblock-lan-zones:", "yes"},
    {"insecure-lan-zones:", "yes"},
    {"do-not-query-localhost:", "no"},
    {"qname-minimisation:", "yes"},
    {"harden-glue:", "yes"},
    {"use-caps-for-id:", "no"},
    {"outgoing-range:", "512"},
    {"num-queries-per-thread:", "4096"},
    {"edns-buffer-size:", "1232"},
    /* a subscriber corrects his DNS and tries again at once */
    {"cache-max-negative-ttl:", "1"},
    {"infra-host-ttl:", "60"},
};

static const struct setting settings_forwarding[] = {{"module-config:", "iterator"}};
/* delegations must be kept for a while */
static const struct setting settings_recursing[] = {{"cache-max-ttl:", "60"}};

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
    enum err result = configure(context, o, why);
    if (result != ERR_OK) {
        ub_ctx_delete(context);
        return result;
    }
    struct resolver *made = memory_get_zeroed(1, sizeof *made);
    made->context = context;
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
    free(q);
}

void resolver_free(struct resolver *r)
{
    if (r == NULL)
        return;
    while (r->queries != NULL)
        resolver_cancel(r->queries);
    ub_ctx_delete(r->context);
    free(r);
}

static void finish(struct resolver_query *q, const struct resolver_result *result)
{
    q->over = true;
    q->done(q->argument, result);
    if (!q->asking)
        query_free(q);
}

static void read_answer(struct resolver_query *q, struct span packet,
                        struct resolver_result *result)
{
    struct err_info why = {0};

    if (dns_message_addresses(packet, q->type, result->addresses, RESOLVER_ADDRESSES_MAX,
                              &result->count, &why) != ERR_OK) {
        result->rcode = DNS_SERVFAIL;
        result->reason = "a malformed answer";
    }
}

static void on_answer(void *argument, int rcode, void *packet, int packet_len, int sec,
                      char *why_bogus, int was_ratelimited)
{
    struct resolver_query *q = argument;
    struct resolver_result result = {.type = q->type, .rcode = rcode};
    char reason[RESOLVER_DETAIL_MAX];

    (void)was_ratelimited;
    if (rcode == DNS_NOERROR && sec == 1) {
        result.rcode = DNS_SERVFAIL;
    } else if (rcode == DNS_NOERROR && packet != NULL) {
        /* the packet's own code says NXDOMAIN: rcode is about the resolution */
        result.rcode =
            packet_len > 3 ? ((const uint8_t *)packet)[3] & 0x0f : DNS_SERVFAIL;
        if (result.rcode == DNS_NOERROR)
            read_answer(q, span_make(packet, (size_t)packet_len), &result);
    }
    if (why_bogus != NULL && why_bogus[0] != '\0') {
        (void)snprintf(reason, sizeof reason, "DNSSEC: %s", why_bogus);
        text_make_printable(reason);
        result.reason = reason;
    } else if (result.reason == NULL) {
        result.reason = dns_rcode_name(result.rcode);
    }
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

void resolver_cancel(struct resolver_query *q)
{
    (void)ub_cancel(q->resolver->context, q->id);
    query_free(q);
}
