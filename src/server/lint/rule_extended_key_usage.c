/* For TLS servers, and nothing else. */
#include "core/crypto/der_read.h"
#include "server/lint/lint_rule.h"

const char *rule_extended_key_usage(const struct lint_subject *s)
{
    const struct lint_extension *e = lint_rule_extension(s, OID_EXTENDED_KEY_USAGE);

    if (e == NULL)
        return "there is no extended key usage";
    struct der_reader r = der_read_start(e->value, 2);
    der_read_enter(&r, DER_SEQUENCE);
    bool server = oid_is(der_read_oid(&r), OID_SERVER_AUTH);
    der_read_leave(&r);
    if (der_read_finish(&r, ERR_LINT, "the extended key usage", NULL) != ERR_OK ||
        !server)
        return "the extended key usage is not exactly serverAuth";
    return NULL;
}
