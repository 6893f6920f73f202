/* The validator: asks the world whether an account controls a name. One file for each
 * challenge type, one row in validate_types[] of validate.c. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/acme/terms.h"
#include "core/base/arena.h"
#include "core/base/err.h"
#include "core/base/span.h"
#include "core/net/address.h"
#include "core/net/loop.h"

#define VALIDATE_RECORD_MAX                                                              \
    8192 /* octets of the record of what was asked and answered                          \
          */

struct validator;

/* How one directory sees the world. */
struct validate_view {
    const char *directory;   /* its name; NULL: of all that have none of their own */
    struct address resolver; /* ADDRESS_NONE: resolve from the root */
    uint16_t http_port;      /* instead of 80 */
    uint16_t tls_port;       /* instead of 443 */
    const struct address_network *allowed; /* reserved, allowed all the same */
    size_t allowed_count;
    const char *const *insecure_zones; /* not validated by DNSSEC where the resolver is
                                          the validator's own */
    size_t insecure_zone_count;
};

struct validate_options {
    const struct validate_view *views; /* the first is the general one */
    size_t view_count;                 /* at least 1 */
    int64_t timeout_ms;                /* of one validation, retries included */
    size_t connections_per_target;     /* under way, to one IPv4 address or IPv6 /64 */
};

/* What is asked about a name. */
enum validate_purpose {
    VALIDATE_CONTROL,      /* does the account control it; then, where asked for, CAA */
    VALIDATE_CAA,          /* only CAA: control was proved before */
    VALIDATE_CONTROL_ONLY, /* without CAA: certificates will be for other names, below it
                            */
    VALIDATE_SUBMISSION,   /* no name at all: a log is asked for its timestamp */
};

/* What a log is shown (RFC 6962 4.1, 4.2). */
struct validate_submission {
    const char *url;   /* all of it */
    bool is_static;    /* its timestamps must have a leaf_index */
    struct span chain; /* certificates, one DER after the other */
    struct span trust; /* root certificates (PEM) it is verified by; lives as long as the
                          validator */
    int64_t timeout_ms;
};

/* What is to be checked; read only. Texts may be NULL where nothing is said. */
struct validate_question {
    enum validate_purpose purpose;
    enum challenge_type type; /* of the proof, also where only CAA is asked for (RFC 8657
                                 4) */
    const char *directory;
    const char *identifier; /* a DNS name without "*.", or an address in its canonical
                               form: no text is both */
    bool wildcard;          /* of all names below the identifier */
    const char *token;
    const char *key_authorization; /* dns-persist-01: the account URI of its records */
    const char *account_uri;       /* RFC 8657 3, and drafts */
    const char *caa_identities;    /* issuer domain names of the CA with spaces between;
                                      empty: CAA is not looked at */
    const struct validate_submission *submission; /* of that purpose */
};

/* What went wrong with one query, and when the next one follows (RFC 8555 8.2). Lives
 * during the callback. */
struct validate_trouble {
    enum err code;
    const char *detail;
    int64_t wait_ms;
};

/* The verdict. Lives during the callback. */
struct validate_verdict {
    bool valid;
    int64_t until;      /* seconds: when what proves it says that it ends; 0: never */
    enum err code;      /* if not: DNS, CONNECTION, TLS, UNAUTHORIZED ... */
    const char *detail; /* what was looked up, where it connected, what it saw */
    const char *record; /* JSON: every step, for the audit */
    struct span answer; /* of a submission: the timestamp (sct_read), not verified */
};

/* A validator on that loop. Opens all it needs at once. Free with validate_free.
 * ERR_CONFIG, ERR_INTERNAL. */
MUST_CHECK enum err validate_new(struct loop *loop,
                                 const struct validate_options *options,
                                 struct validator **v, struct err_info *why);

/* Other views, timeout and bounds from now on, for checks that begin then. A resolver
 * that was not there at the beginning cannot be opened any more: false, and its view
 * keeps the one it had; checks with a new view fail until the process is restarted. */
bool validate_reload(struct validator *v, const struct validate_options *options);

/* Checks under way are given up. NULL is fine. */
void validate_free(struct validator *v);

/* Who is told of a check, from the loop: `troubled` (or NULL) after each query that is
 * made again, `done` once. */
struct validate_listener {
    void (*troubled)(void *argument, const struct validate_trouble *trouble);
    void (*done)(void *argument, const struct validate_verdict *verdict);
    void *argument;
};

/* Begin a check. */
void validate_start(struct validator *v, const struct validate_question *question,
                    const struct validate_listener *listener);

/* Give up all checks under way: no listener is told, and `drop` gets the argument of
 * each. Not to be called from a listener. */
void validate_drop_all(struct validator *v, void (*drop)(void *argument));

/* Checks under way. */
size_t validate_running(const struct validator *v);
