/* Key usage that fits the key. */
#include "core/crypto/der_read.h"
#include "server/lint/lint_rule.h"

enum { DIGITAL_SIGNATURE = 1 << 0, KEY_ENCIPHERMENT = 1 << 2 };

const char *rule_key_usage(const struct lint_subject *s)
{
    const struct lint_extension *e = lint_rule_extension(s, OID_KEY_USAGE);

    if (e == NULL || !e->critical)
        return "there is no critical key usage";
    struct der_reader r = der_read_start(e->value, 1);
    uint32_t bits = der_read_named_bits(&r);
    if (der_read_finish(&r, ERR_LINT, "the key usage", NULL) != ERR_OK)
        return "the key usage is malformed";
    if (s->key == NULL)
        return "the subject's key is malformed";
    uint32_t allowed = key_type(s->key) == KEY_RSA ? DIGITAL_SIGNATURE | KEY_ENCIPHERMENT
                                                   : DIGITAL_SIGNATURE;
    if ((bits & DIGITAL_SIGNATURE) == 0)
        return "the key usage lacks digitalSignature";
    if ((bits & ~allowed) != 0)
        return "the key usage has bits that do not fit the key";
    return NULL;
}
