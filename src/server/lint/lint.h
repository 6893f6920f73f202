/* Lint: what is to be signed is read again by eyes that did not write it. Only lint_tbs
 * makes a lint_pass, and only a lint_pass can be signed. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "core/base/arena.h"
#include "core/base/err.h"
#include "core/base/span.h"
#include "core/crypto/key.h"

#define LINT_EXTENSIONS_MAX 20 /* extensions of one certificate */

/* What the certificate has to fit: its issuer, and the longest lifetime the signer
 * allows. */
struct lint_issuer {
    struct span name;   /* whole Name element */
    struct span key_id; /* content octets */
    enum key_signature signature_kind;
    int64_t not_after;
    int64_t max_lifetime; /* seconds, both ends counted */
};

/* To-be-signed octets that broke no rule. */
struct lint_pass {
    struct span tbs;
    struct span serial; /* content octets */
};

/* Read and judge. ERR_LINT with "RULE (citation): complaint". The pass lives in the
 * arena. */
MUST_CHECK enum err lint_tbs(struct arena *a, const struct lint_issuer *issuer,
                             struct span tbs, const struct lint_pass **pass,
                             struct err_info *why);
