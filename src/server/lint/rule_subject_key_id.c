/* The identifier of its key: CAs need it, others may have it. */
#include "core/crypto/der_read.h"
#include "server/lint/lint_rule.h"

#define LONGEST 32 /* octets: a whole SHA-256 */

const char *rule_subject_key_id(const struct lint_subject *s)
{
    const struct lint_extension *e = lint_rule_extension(s, OID_SUBJECT_KEY_IDENTIFIER);

    if (e == NULL)
        return s->question->kind == LINT_CA_CERTIFICATE
                   ? "there is no subject key identifier"
                   : NULL;
    struct der_reader r = der_read_start(e->value, 1);
    struct span id = der_read_expect(&r, DER_OCTET_STRING);
    if (e->critical ||
        der_read_finish(&r, ERR_LINT, "the subject key identifier", NULL) != ERR_OK)
        return "the subject key identifier is malformed or critical";
    if (id.len == 0 || id.len > LONGEST)
        return "the subject key identifier is empty or too long";
    return NULL;
}
