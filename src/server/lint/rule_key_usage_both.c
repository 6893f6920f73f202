/* One RSA key for signatures and for encryption is not recommended. */
#include "server/lint/lint_rule.h"

const char *rule_key_usage_both(const struct lint_subject *s)
{
    const uint32_t both = LINT_DIGITAL_SIGNATURE | LINT_KEY_ENCIPHERMENT;

    if ((s->key_usage & both) == both)
        return "the key usage has keyEncipherment beside digitalSignature, which is not "
               "recommended";
    return NULL;
}
