/* A key that may be certified. */
#include "server/lint/lint_rule.h"

/* Octets of 65537 (every odd number of as many octets is at least that), and of numbers
 * below 2^256. */
#define RSA_EXPONENT_MIN_OCTETS 3
#define RSA_EXPONENT_MAX_OCTETS 32

const char *rule_subject_key(const struct lint_subject *s)
{
    struct span modulus, exponent;

    if (s->key == NULL)
        return "the subject's key is malformed or weak";
    if (key_type(s->key) != KEY_RSA)
        return NULL;
    if (key_bits(s->key) % 8 != 0 || key_bits(s->key) > 4096)
        return "the RSA key has a size that is not allowed";
    key_numbers(s->key, &modulus, &exponent);
    if (exponent.len < RSA_EXPONENT_MIN_OCTETS)
        return "the RSA exponent is less than 65537";
    if (exponent.len > RSA_EXPONENT_MAX_OCTETS)
        return "the RSA exponent is 2^256 or more";
    return NULL;
}
