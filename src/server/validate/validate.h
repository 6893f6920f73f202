/* The validator: asks the world whether an account controls a name. One file for each
 * challenge type, one row in validate_types[] of validate.c. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/acme/terms.h"
#include "core/base/arena.h"
#include "core/base/err.h"
#include "core/net/address.h"
#include "core/net/loop.h"

#define VALIDATE_NETWORKS_MAX 64 /* of validation.allow_networks */
#define VALIDATE_RECORD_MAX                                                              \
    8192 /* octets of the record of what was asked and answered                          \
          */

struct validator;

struct validate_options {
    struct address resolver; /* ADDRESS_NONE: resolve from the root */
    uint16_t http_port;      /* instead of 80 */
    uint16_t tls_port;       /* instead of 443 */
    struct address_network allowed[VALIDATE_NETWORKS_MAX]; /* reserved, allowed all the
                                                              same */
    size_t allowed_count;
    int64_t timeout_ms; /* of one validation, retries included */
};

/* What is to be checked; read only. */
struct validate_question {
    enum challenge_type type;
    const char *identifier; /* a DNS name without "*." */
    const char *token;
    const char *key_authorization;
};

/* The verdict. Lives during the callback. */
struct validate_verdict {
    bool valid;
    enum err code;      /* if not: DNS, CONNECTION, TLS, UNAUTHORIZED ... */
    const char *detail; /* what was looked up, where it connected, what it saw */
    const char *record; /* JSON: every step, for the audit */
};

/* A validator on that loop. Opens all it needs at once. Free with validate_free.
 * ERR_CONFIG, ERR_INTERNAL. */
MUST_CHECK enum err validate_new(struct loop *loop,
                                 const struct validate_options *options,
                                 struct validator **v, struct err_info *why);

/* Other networks and timeout from now on; the resolver stays. */
void validate_reload(struct validator *v, const struct validate_options *options);

/* Checks under way are given up. NULL is fine. */
void validate_free(struct validator *v);

/* Begin a check; `done` is called once, from the loop. */
void validate_start(struct validator *v, const struct validate_question *question,
                    void (*done)(void *argument, const struct validate_verdict *verdict),
                    void *argument);

/* Checks under way. */
size_t validate_running(const struct validator *v);
