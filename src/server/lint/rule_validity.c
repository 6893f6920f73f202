/* Validity: ordered, not too long, inside the issuer's, times in the right form. */
#include "core/crypto/der_read.h"
#include "server/lint/lint_rule.h"

#define FIRST_GENERALIZED 2524608000 /* 2050-01-01T00:00:00Z */

const char *rule_validity(const struct lint_subject *s)
{
    uint8_t before =
        s->not_before >= FIRST_GENERALIZED ? DER_GENERALIZED_TIME : DER_UTC_TIME;
    uint8_t after =
        s->not_after >= FIRST_GENERALIZED ? DER_GENERALIZED_TIME : DER_UTC_TIME;

    if (s->not_before_tag != before || s->not_after_tag != after)
        return "a time has the wrong form for its year";
    if (s->not_after < s->not_before)
        return "it ends before it begins";
    if (s->not_after - s->not_before + 1 > s->issuer_expected->max_lifetime)
        return "it is valid for longer than allowed";
    if (s->not_after > s->issuer_expected->not_after)
        return "it outlives its issuer";
    return NULL;
}
