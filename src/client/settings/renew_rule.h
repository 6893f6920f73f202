/* When to renew, as the option `renew` of a certificate says it. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum renew_rule_kind {
    RENEW_RULE_AUTO,   /* as the CA says, else by the lifetime */
    RENEW_RULE_BEFORE, /* a time before the end */
    RENEW_RULE_SHARE,  /* when that part of the lifetime is left */
    RENEW_RULE_NEVER,
};

struct renew_rule {
    enum renew_rule_kind kind;
    int64_t before_s; /* of RENEW_RULE_BEFORE: seconds */
    int percent;      /* of RENEW_RULE_SHARE: 1 to 99 */
};

/* Read "auto", "never", a duration such as "30d" or "12h" (a second at least), or "1%" to
 * "99%"; false if it is none of these. */
bool renew_rule_read(const char *text, struct renew_rule *rule);
