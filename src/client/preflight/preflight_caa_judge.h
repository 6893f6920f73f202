/* Do these CAA records let a CA issue (RFC 8659 4, RFC 8657)? */
#pragma once

#include "client/dns/dns_query.h"
#include "client/settings/challenge_list.h"

struct preflight_caa_question {
    const char *identity;    /* what the CA is called */
    const char *account_url; /* NULL: there is no account yet */
    const struct challenge_list *types;
    bool wildcard;
};

/* NULL if they do, else why not, in words; in the arena. */
const char *preflight_caa_judge(struct arena *a, const struct dns_query_record *records,
                                size_t count, const struct preflight_caa_question *q);
