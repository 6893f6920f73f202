/* Key agreement is not recommended. */
#include "server/lint/lint_rule.h"

const char *rule_key_agreement_absent(const struct lint_subject *s)
{
    if ((s->key_usage & LINT_KEY_AGREEMENT) != 0)
        return "the key usage has keyAgreement, which is not recommended";
    return NULL;
}
