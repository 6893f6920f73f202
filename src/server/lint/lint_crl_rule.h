/* Inside lint: a revocation list as the rules see it. */
#pragma once

#include "server/lint/lint_crl.h"

/* All entries in a few numbers: a list may have millions. */
struct lint_crl_entries {
    size_t count;
    bool bad_serial;      /* one that is not positive, or longer than 20 octets */
    bool others;          /* extensions that are no reason */
    bool in_future;       /* revoked later than `now` */
    bool without_reason;  /* one that says none */
    unsigned int reasons; /* bits 1 << CRLReason of those that stand there */
};

struct lint_crl_subject {
    const struct lint_issuer *issuer_expected;
    const struct crl *crl;
    struct lint_crl_entries entries;
    int64_t now;         /* seconds */
    bool of_authorities; /* its entries are certificates of CAs */
};

/* A rule: NULL if the list keeps it, else what is wrong (a static phrase). */
typedef const char *lint_crl_rule(const struct lint_crl_subject *s);

/* The rules, one in each file. */
#define LINT_CRL(function, citation) lint_crl_rule function;
#include "server/lint/lints_crl.def"
#undef LINT_CRL
