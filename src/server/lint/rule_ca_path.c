/* As many CAs below as the issuer allows. */
#include "server/lint/lint_rule.h"

const char *rule_ca_path(const struct lint_subject *s)
{
    int most = s->issuer_expected->path_length;

    if (s->question->self_signed || most == LINT_PATH_ANY)
        return NULL;
    if (most == 0)
        return "its issuer may have no CA below it";
    if (s->path_length == LINT_PATH_ANY || s->path_length >= most)
        return "it allows more CAs below it than its issuer does";
    return NULL;
}
