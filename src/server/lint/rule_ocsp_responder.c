/* RFC 6960 4.2.2.2: signed by who is named, and that is one of ours. */
#include "server/lint/lint_ocsp_rule.h"

const char *rule_ocsp_responder(const struct lint_ocsp_subject *s)
{
    struct span key_hash = span_make(s->responder_expected->key_hash, OCSP_KEY_HASH);

    return span_equal(s->data->responder, key_hash)
               ? NULL
               : "the responder is none of those that sign here";
}
