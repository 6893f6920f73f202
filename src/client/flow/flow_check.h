/* Judging what a CA sent as our certificate, before it replaces anything. */
#pragma once

#include "core/base/arena.h"
#include "core/base/err.h"
#include "core/crypto/key.h"
#include "core/x509/certificate.h"

/* What came out; in the arena. */
struct flow_certificate {
    struct span certificate_pem;
    struct span chain_pem; /* the issuers */
    int64_t not_before;
    int64_t not_after;
    const char *serial; /* hexadecimal */
    const char *id;     /* of renewal information (RFC 9773 4.1); "" if it has none */
};

/* Read a PEM chain and check it: certificates only (RFC 8555 11.4), the first one for
 * this key and exactly these names and not expired, each signed by the next. Nothing but
 * the certificates goes into the result. ERR_PROTOCOL. */
MUST_CHECK enum err flow_check(struct arena *a, struct span pem, const char *const *names,
                               size_t name_count, const struct key *key,
                               struct flow_certificate *out, struct err_info *why);
