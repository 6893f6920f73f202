/* RFC 6960 2.2, 4.2.2.2: a responder speaks of its own issuer's certificates; of others
 * it knows nothing. */
#include "server/lint/lint_ocsp_rule.h"

static bool is_of(const struct ocsp_id *id, const struct lint_issuer *issuer)
{
    uint8_t name[HASH_MAX_SIZE];
    uint8_t key[HASH_MAX_SIZE];

    if (!id->known)
        return false;
    size_t name_len = ocsp_hash_name(id->hash, issuer->name, name);
    size_t key_len = ocsp_hash_key(id->hash, key_spki(issuer->key), key);
    return span_equal(id->name, span_make(name, name_len)) &&
           span_equal(id->key, span_make(key, key_len));
}

const char *rule_ocsp_issuer(const struct lint_ocsp_subject *s)
{
    if (s->data->count == 0)
        return "it is about no certificate";
    for (size_t i = 0; i < s->data->count; i++)
        if (s->data->singles[i].status != OCSP_UNKNOWN &&
            !is_of(&s->data->singles[i].id, s->responder_expected->issuer))
            return "a certificate is of another issuer and is said to be known";
    return NULL;
}
