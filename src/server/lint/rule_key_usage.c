/* Key usage that fits the key, and not of a CA. */
#include "server/lint/lint_rule.h"

static uint32_t fitting(enum key_type type)
{
    uint32_t any = LINT_DIGITAL_SIGNATURE | LINT_CONTENT_COMMITMENT;

    if (type == KEY_RSA)
        return any | LINT_KEY_ENCIPHERMENT | LINT_DATA_ENCIPHERMENT;
    return key_type_is_plain(type) ? any : any | LINT_KEY_AGREEMENT;
}

const char *rule_key_usage(const struct lint_subject *s)
{
    const struct lint_extension *e = lint_rule_extension(s, OID_KEY_USAGE);

    if (e == NULL || !e->critical)
        return "there is no critical key usage";
    if (lint_rule_is_broken(s, LINT_PART_KEY_USAGE) || s->key_usage == 0)
        return "the key usage is malformed";
    if (s->key == NULL)
        return "the subject's key is malformed";
    if ((s->key_usage & ~fitting(key_type(s->key))) != 0)
        return "the key usage has bits that do not fit the key";
    return NULL;
}
