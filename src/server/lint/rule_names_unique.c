/* No name twice. */
#include "server/lint/lint_rule.h"

/* Where a name goes in the table (FNV-1a). */
static size_t hash_of(const struct lint_name *name)
{
    uint32_t hash = 2166136261U ^ name->tag;

    for (size_t i = 0; i < name->value.len; i++)
        hash = (hash ^ name->value.data[i]) * 16777619U;
    return hash;
}

const char *rule_names_unique(const struct lint_subject *s)
{
    const struct lint_name **table = NULL;
    size_t size = 8;

    while (size < 2 * s->name_count)
        size *= 2;
    table = arena_array(s->arena, size, sizeof(const struct lint_name *));
    for (size_t i = 0; i < s->name_count; i++) {
        const struct lint_name *name = &s->names[i];
        size_t at = hash_of(name) % size;
        for (; table[at] != NULL; at = (at + 1) % size)
            if (table[at]->tag == name->tag && span_equal(table[at]->value, name->value))
                return "a name is there twice";
        table[at] = name;
    }
    return NULL;
}
