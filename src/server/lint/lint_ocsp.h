/* Lint of OCSP answers (RFC 6960): what is to be signed is read again by eyes that did
 * not write it. */
#pragma once

#include "core/x509/ocsp.h"
#include "server/lint/lint.h"

#define LINT_OCSP_INTERVAL_LEAST                                                         \
    (8 * 3600) /* seconds, Baseline Requirements 4.9.10                                  \
                */
#define LINT_OCSP_INTERVAL_MOST (10 * 86400)

/* A key that signs answers about certificates of one issuer. */
struct lint_responder {
    const struct lint_issuer *issuer;
    uint8_t key_hash[OCSP_KEY_HASH]; /* its name (RFC 6960 4.2.1, byKey) */
};

/* To-be-signed octets that broke no rule. */
struct lint_ocsp_pass {
    size_t responder; /* who signs: index of the responders */
    struct ocsp_data data;
};

/* Read and judge by the one of the responders (at least one) that it names, at the time
 * `now`. ERR_LINT with "RULE (citation): complaint". */
MUST_CHECK enum err lint_ocsp(const struct lint_responder *responders, size_t count,
                              struct span tbs, int64_t now, struct lint_ocsp_pass *pass,
                              struct err_info *why);
