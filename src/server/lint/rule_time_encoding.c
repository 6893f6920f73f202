/* Years to 2049 are UTCTime, later ones GeneralizedTime. */
#include "core/crypto/der_read.h"
#include "server/lint/lint_rule.h"

#define FIRST_GENERALIZED 2524608000 /* 2050-01-01T00:00:00Z */

static bool is_right(uint8_t tag, int64_t seconds)
{
    return tag == (seconds >= FIRST_GENERALIZED ? DER_GENERALIZED_TIME : DER_UTC_TIME);
}

const char *rule_time_encoding(const struct lint_subject *s)
{
    if (!is_right(s->not_before_tag, s->not_before) ||
        !is_right(s->not_after_tag, s->not_after))
        return "a time has the wrong form for its year";
    return NULL;
}
