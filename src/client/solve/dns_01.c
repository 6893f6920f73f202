/* dns-01 (RFC 8555 8.4) by updates of the zone (RFC 2136): the process with the key for
 * that adds the records, and removes them whatever happens. */
#include "client/dns/dns_desk.h"
#include "client/solve/solve_private.h"
#include "core/base/base64url.h"
#include "core/base/clock.h"
#include "core/base/interrupt.h"
#include "core/crypto/hash.h"

#define LABEL          "_acme-challenge"
#define PAUSE_FIRST_MS 250 /* between two looks, then twice as long each time */
#define PAUSE_MAX_MS   5000
#define MISSING_MAX    600 /* octets of a phrase */

struct dns_01 {
    struct dns_desk desk;
    struct dns_entry entries[SOLVE_TOKENS_MAX];
    size_t count;
};

/* Base64url of the SHA-256 of the key authorization. */
static char *value_of(struct arena *a, const char *key_authorization)
{
    uint8_t digest[HASH_SHA256_SIZE];

    hash_sha256(span_of(key_authorization), digest);
    return base64url_string(a, span_make(digest, sizeof digest));
}

static enum err present(struct solver *s, const struct solve_task *task,
                        struct err_info *why)
{
    struct dns_01 *d = s->state;
    const char *name = arena_printf(s->arena, LABEL ".%s", task->identifier.value);

    if (d->count == SOLVE_TOKENS_MAX)
        return err_set(why, ERR_TOO_LARGE, "more than %d challenges", SOLVE_TOKENS_MAX);
    struct dns_entry *e = &d->entries[d->count];
    enum err result = dns_desk_add(&d->desk, s->arena, name,
                                   value_of(s->arena, task->key_authorization),
                                   s->options->ways->dns.key_file, e, why);
    if (e->owner != NULL)
        d->count++;
    TRY(result);
    report_step(s->options->report, "record", "TXT %s, in the zone %s at %s", e->owner,
                e->zone, e->servers);
    return ERR_OK;
}

/* Everybody whom the CA may ask must have it: it asks once, and a resolver remembers for
 * long what was not there (RFC 2308). */
static enum err ready(struct solver *s, struct err_info *why)
{
    struct dns_01 *d = s->state;
    int64_t limit_ms = s->options->ways->dns.timeout_ms;
    int64_t end_us = clock_monotonic_us() + limit_ms * 1000;
    int64_t pause_ms = PAUSE_FIRST_MS;
    AUTO(buf) struct buf told = buf_make(MISSING_MAX);

    for (;;) {
        AUTO(buf) struct buf missing = buf_make(MISSING_MAX);
        TRY(dns_desk_look(&d->desk, &missing, why));
        if (missing.len == 0)
            return ERR_OK;
        if (clock_monotonic_us() + pause_ms * 1000 > end_us)
            return err_set(why, ERR_TIMEOUT,
                           "after %lld s the records are not everywhere: %.*s; "
                           "--dns-timeout gives more time",
                           (long long)(limit_ms / 1000), (int)missing.len,
                           (const char *)missing.data);
        if (!span_equal(buf_span(&missing), buf_span(&told)))
            report_step(s->options->report, "wait", "%.*s", (int)missing.len,
                        (const char *)missing.data);
        buf_clear(&told);
        buf_add_span(&told, buf_span(&missing));
        if (!interrupt_sleep_ms(pause_ms))
            return err_set(why, ERR_INTERRUPTED, "interrupted");
        pause_ms = pause_ms * 2 < PAUSE_MAX_MS ? pause_ms * 2 : PAUSE_MAX_MS;
    }
}

/* A server that cannot be reached is not waited for again and again: the journal has the
 * rest. */
static void remove_all(struct solver *s)
{
    struct dns_01 *d = s->state;
    size_t left = 0;
    bool reached = true;
    struct err_info why = {0};

    for (size_t i = 0; i < d->count; i++) {
        enum err result =
            reached ? dns_desk_remove(&d->desk, &d->entries[i], &why) : why.code;
        left += result != ERR_OK;
        reached = result != ERR_NETWORK && result != ERR_TIMEOUT && result != ERR_IO &&
                  result != ERR_INTERRUPTED;
    }
    if (left > 0)
        report_warning("%zu TXT record%s added for dns-01 could not be removed: %s; the "
                       "next cairn issue or renew removes %s",
                       left, left == 1 ? "" : "s", why.detail, left == 1 ? "it" : "them");
    dns_desk_close(&d->desk);
}

enum err dns_01_open(struct solver *s, struct err_info *why)
{
    struct dns_01 *d = arena_get(s->arena, sizeof *d);
    const struct ways_dns *dns = &s->options->ways->dns;
    const struct dns_desk_options options = {.key_file = dns->key_file,
                                             .server = dns->server,
                                             .resolver = dns->resolver,
                                             .check = dns->check};

    if (dns->key_file == NULL || dns->key_file[0] == '\0')
        return err_set(why, ERR_USAGE, "dns-01 needs --dns-key FILE");
    d->desk.fd = s->options->dns;
    d->desk.directory = s->options->directory;
    s->state = d;
    s->present = present;
    s->ready = ready;
    s->close = remove_all;
    s->description = arena_printf(s->arena, "by updates of the zone with the key in %s",
                                  dns->key_file);
    return dns_desk_open(&d->desk, &options, why);
}
