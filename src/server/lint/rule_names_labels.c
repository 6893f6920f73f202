/* Labels that look like A-labels are A-labels, and no other has hyphens in their place.
 */
#include <string.h>

#include "core/acme/identifier.h"
#include "core/crypto/der_read.h"
#include "server/lint/lint_rule.h"

static bool is_reserved(const char *label)
{
    return strlen(label) > 3 && label[2] == '-' && label[3] == '-' && label[0] != '.' &&
           label[1] != '.';
}

const char *rule_names_labels(const struct lint_subject *s)
{
    for (size_t i = 0; i < s->name_count; i++) {
        struct identifier ignored;
        bool reserved = false;
        if (s->names[i].tag != DER_CONTEXT(2))
            continue;
        const char *name = arena_string_of(s->arena, s->names[i].value);
        for (const char *label = name; label != NULL;
             label = strchr(label, '.') != NULL ? strchr(label, '.') + 1 : NULL) {
            bool is_label = is_reserved(label);
            if (is_label && strncmp(label, "xn--", 4) != 0)
                return "a label has hyphens in the third and fourth place";
            reserved = reserved || is_label;
        }
        if (reserved && identifier_read_dns(s->arena, name, &ignored, NULL) != ERR_OK)
            return "a label that begins with xn-- is no A-label";
    }
    return NULL;
}
