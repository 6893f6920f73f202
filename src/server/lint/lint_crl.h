/* Lint of revocation lists: what is to be signed is read again by eyes that did not write
 * it. */
#pragma once

#include "core/x509/crl.h"
#include "server/lint/lint.h"

/* Seconds, Baseline Requirements 7.2; the second one of lists about CAs. */
#define LINT_CRL_LIFETIME_MAX           (INT64_C(10) * 86400)
#define LINT_CRL_AUTHORITY_LIFETIME_MAX (INT64_C(365) * 86400)

/* To-be-signed octets that broke no rule. */
struct lint_crl_pass {
    size_t issuer;  /* whose list it is: index of the issuers */
    struct crl crl; /* spans point into the octets */
};

/* Read and judge by the one of the issuers (at least one) that it names, at the time
 * `now`. ERR_LINT with "RULE (citation): complaint". */
MUST_CHECK enum err lint_crl(const struct lint_issuer *issuers, size_t count,
                             struct span tbs, int64_t now, struct lint_crl_pass *pass,
                             struct err_info *why);

/* The same of a list of a root, whose entries are certificates of CAs: it may count for a
 * year, and says of each why it was revoked. */
MUST_CHECK enum err lint_crl_of_authorities(const struct lint_issuer *issuer,
                                            struct span tbs, int64_t now,
                                            struct lint_crl_pass *pass,
                                            struct err_info *why);
