/* The issuer's key identifier; a root may do without. */
#include "core/crypto/der_read.h"
#include "server/lint/lint_rule.h"

const char *rule_authority_key_id(const struct lint_subject *s)
{
    const struct lint_extension *e = lint_rule_extension(s, OID_AUTHORITY_KEY_IDENTIFIER);

    if (e == NULL && s->question->self_signed)
        return NULL;
    if (e == NULL || e->critical)
        return "there is no authority key identifier, or it is critical";
    struct der_reader r = der_read_start(e->value, 2);
    der_read_enter(&r, DER_SEQUENCE);
    struct span key_id = der_read_expect(&r, DER_CONTEXT(0));
    der_read_leave(&r);
    if (der_read_finish(&r, ERR_LINT, "the authority key identifier", NULL) != ERR_OK ||
        !span_equal(key_id, s->issuer_expected->key_id))
        return "the authority key identifier is not the issuer's";
    return NULL;
}
