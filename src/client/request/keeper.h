/* The process with the keys, as the process with the network sees it: it signs, makes the
 * certificate request, keeps what must be kept, and has challenges answered. */
#pragma once

#include "core/base/arena.h"
#include "core/base/err.h"
#include "core/base/span.h"

struct keeper {
    int fd; /* socket to it */
};

/* A JWS over the payload (empty: POST-as-GET); with `kid` NULL under the public key
 * itself. The text lives in the arena. */
MUST_CHECK enum err keeper_sign(const struct keeper *k, struct arena *a, const char *kid,
                                const char *nonce, const char *url, struct span payload,
                                struct span *jws, struct err_info *why);

/* The certificate request for the names of the job, DER. */
MUST_CHECK enum err keeper_csr(const struct keeper *k, struct arena *a, struct span *der,
                               struct err_info *why);

/* Keep the account's URL. */
MUST_CHECK enum err keeper_account(const struct keeper *k, struct arena *a,
                                   const char *url, struct err_info *why);

/* Have `token` answered from now on; ERR_MALFORMED if it is not base64url. */
MUST_CHECK enum err keeper_present(const struct keeper *k, struct arena *a,
                                   const char *token, struct err_info *why);

/* All is proved: no challenge needs to be answered any more. */
MUST_CHECK enum err keeper_proved(const struct keeper *k, struct arena *a,
                                  struct err_info *why);
