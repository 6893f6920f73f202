/* A root does not bound the path. */
#include "server/lint/lint_rule.h"

const char *rule_ca_path_absent(const struct lint_subject *s)
{
    if (s->question->self_signed && s->path_length != LINT_PATH_ANY)
        return "a root has a path length, which is not recommended";
    return NULL;
}
