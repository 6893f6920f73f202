/* Looking names up: a validating resolver inside the process (libunbound), on an
 * event loop. It belongs to the loop's thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "core/base/err.h"
#include "core/dns/dns_message.h"
#include "core/net/loop.h"

#define RESOLVER_ADDRESSES_MAX 16 /* kept of each type */
#define RESOLVER_DETAIL_MAX    256
#define RESOLVER_SOCKETS_MAX   2048 /* questions that wait for an answer over UDP */
#define RESOLVER_STREAMS_MAX   128  /* the same over TCP */

struct resolver_options {
    struct address server; /* ask this resolver; ADDRESS_NONE: resolve from the root,
                              with DNSSEC validation */
    const char *trust_anchor_file; /* root key for that (RFC 5011 or DS format); NULL or
                                      missing: without validation */
    const char *const *insecure_zones; /* what is in or below these names, as
                                          dns_name_read writes them, is not validated (a
                                          negative trust anchor, RFC 7646) */
    size_t insecure_zone_count;
};

struct resolver;
struct resolver_query;

/* What came of one question. Lives during the callback. */
struct resolver_result {
    enum dns_type type;
    int rcode;          /* enum dns_rcode and others; DNS_SERVFAIL for trouble */
    bool bogus;         /* there is an answer, which DNSSEC says is forged */
    const char *reason; /* a phrase when there is no answer ("NXDOMAIN", "DNSSEC: ...") */
    struct address addresses[RESOLVER_ADDRESSES_MAX]; /* of A and AAAA */
    const struct span *texts; /* of TXT: the strings of each record joined, any octets */
    const char *alias;        /* of TXT: where the name's alias leads; NULL without one */
    const struct dns_caa *caa; /* of CAA */
    size_t count;              /* addresses, texts or CAA records */
};

/* A resolver on that loop. Opens every file it needs, so that the process can give up its
 * rights afterwards. Free with resolver_free. ERR_CONFIG, ERR_INTERNAL. */
MUST_CHECK enum err resolver_new(struct loop *loop, const struct resolver_options *o,
                                 struct resolver **r, struct err_info *why);

/* Questions still open are cancelled, without callbacks. NULL is fine. */
void resolver_free(struct resolver *r);

/* Ask; `done` is called once. There is no deadline of its
 * own: cancel it. The query is gone when `done` returns; NULL means that `done` was
 * called already. */
struct resolver_query *
resolver_ask(struct resolver *r, const char *name, enum dns_type type,
             void (*done)(void *argument, const struct resolver_result *result),
             void *argument);

/* How long a failure is repeated without asking anybody again (ms); 0: not at all. */
int64_t resolver_repeats_ms(const struct resolver *r);

/* The one it forwards to, as long as it lives; NULL: it resolves from the root. */
const struct address *resolver_server(const struct resolver *r);

/* Give up a question whose callback has not come. */
void resolver_cancel(struct resolver_query *q);
