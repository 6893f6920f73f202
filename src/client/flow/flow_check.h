/* Judging what a CA sent as our certificate, before it replaces anything. */
#pragma once

#include "core/base/arena.h"
#include "core/base/err.h"
#include "core/crypto/key.h"
#include "core/x509/certificate.h"

/* Read a PEM chain and check it: certificates only (RFC 8555 11.4), the first one for
 * this key and exactly these names and not expired, each signed by the next. `ders` has
 * room for CERTIFICATE_CHAIN_MAX; everything lives in the arena. ERR_PROTOCOL. */
MUST_CHECK enum err flow_check_chain(struct arena *a, struct span pem,
                                     const char *const *names, size_t name_count,
                                     const struct key *key, struct certificate **leaf,
                                     struct span *ders, size_t *count,
                                     struct err_info *why);
