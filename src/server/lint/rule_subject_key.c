/* A key that may be certified. */
#include "server/lint/lint_rule.h"

const char *rule_subject_key(const struct lint_subject *s)
{
    if (s->key == NULL)
        return "the subject's key is malformed or weak";
    if (key_type(s->key) == KEY_RSA &&
        (key_bits(s->key) % 8 != 0 || key_bits(s->key) > 4096))
        return "the RSA key has a size that is not allowed";
    return NULL;
}
