/* When a CA suggests to renew a certificate (ARI, RFC 9773 4). In the process with the
 * network; needs no account. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "client/report/report.h"
#include "core/base/arena.h"
#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/base/span.h"

struct flow_renewal_info {
    bool offered;            /* the CA has such information at all */
    int64_t start;           /* of the suggested window, seconds; 0: none for this one */
    int64_t end;             /* behind start */
    const char *explanation; /* URL for a person, or NULL */
    int64_t retry_after;     /* seconds until it should be asked again; 0: not said */
};

/* A CA that is asked about one certificate after the other: its directory and the
 * connection are kept as long as it is the same one. {0} at first. */
struct flow_renewal_asker {
    struct arena *arena; /* NULL: none is kept */
    struct http_client *http;
    const char *ca;
    struct span roots;
    const char *url; /* renewalInfo of its directory, NULL: it has none */
};

/* Ask the CA with that directory URL, over HTTPS with these roots (PEM; empty: the
 * system's), about a certificate by its name of RFC 9773 4.1. A CA that does not know it
 * suggests nothing. ERR_NETWORK, ERR_UNAVAILABLE, ERR_RATE_LIMITED, with
 * retry_after_seconds if the CA says so; ERR_PROTOCOL for an answer that is none, also
 * one whose window ends before it begins. */
MUST_CHECK enum err flow_renewal_info_ask(struct flow_renewal_asker *asker,
                                          const char *ca, struct span roots,
                                          const char *certificate,
                                          const struct report *report, struct arena *a,
                                          struct flow_renewal_info *info,
                                          struct err_info *why);

/* What an answer of the CA says (RFC 9773 4.2). ERR_PROTOCOL. */
MUST_CHECK enum err flow_renewal_info_take(struct arena *a, struct span answer,
                                           struct flow_renewal_info *info,
                                           struct err_info *why);

/* Forget the CA. */
void flow_renewal_info_end(struct flow_renewal_asker *asker);

/* From process to process: append as JSON, and read it. ERR_PROTOCOL. */
void flow_renewal_info_write(struct buf *b, const struct flow_renewal_info *info);
MUST_CHECK enum err flow_renewal_info_read(struct arena *a, struct span text,
                                           struct flow_renewal_info *info,
                                           struct err_info *why);
