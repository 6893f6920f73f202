/* What CAA records allow (RFC 8659 4, RFC 8657). Pure: records in, verdict out. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "core/base/arena.h"
#include "core/base/err.h"
#include "core/dns/dns_message.h"

/* Who wants a certificate from whom. */
struct caa_judge_wish {
    const char *name;        /* without "*." */
    bool wildcard;           /* of "*.NAME" */
    const char *issuers;     /* domain names of the CA in lower case, spaces between */
    const char *account_uri; /* compared octet by octet */
    const char *method;      /* how control was proved; "" if that is not known */
};

/* May the CA issue, where these are the relevant records (RFC 8659 3), found at the name
 * `at`? ERR_CAA with a sentence that names the records, and what would let it. */
MUST_CHECK enum err caa_judge(struct arena *a, const struct dns_caa *records,
                              size_t count, const char *at,
                              const struct caa_judge_wish *wish, struct err_info *why);

/* A record as in a zone file, 0 issue "ca.example", safe to print, in the arena. */
const char *caa_judge_shown(struct arena *a, const struct dns_caa *record);
