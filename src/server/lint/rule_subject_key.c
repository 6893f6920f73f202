/* A key that may be certified. */
#include "core/crypto/der_read.h"
#include "server/lint/lint_rule.h"

const char *rule_subject_key(const struct lint_subject *s)
{
    struct key *key = NULL;
    const char *complaint = NULL;

    if (key_from_spki(s->spki, &key, NULL) != ERR_OK)
        return "the subject's key is malformed or weak";
    if (key_type(key) == KEY_RSA && (key_bits(key) % 8 != 0 || key_bits(key) > 4096))
        complaint = "the RSA key has a size that is not allowed";
    key_free(key);
    return complaint;
}
