/* The endorsement key is named, by a URI with its hash; and there are no names of other
 * kinds. */
#include "core/base/base64.h"
#include "core/crypto/der_read.h"
#include "core/crypto/hash.h"
#include "server/lint/lint_rule.h"

#define DER_URI DER_CONTEXT(6)

static const char start[] = "urn:ek:sha256:";

static bool is_good(struct arena *a, struct span uri)
{
    const size_t len = sizeof start - 1;
    struct span hash = {0};

    return span_is(span_slice(uri, 0, len), start) &&
           base64_decode(a, span_slice(uri, len, uri.len), &hash) &&
           hash.len == HASH_SHA256_SIZE;
}

const char *rule_attestation_endorsement(const struct lint_subject *s)
{
    size_t found = 0;

    for (size_t i = 0; i < s->name_count; i++) {
        const struct lint_name *name = &s->names[i];
        if (name->tag == DER_URI && !is_good(s->arena, name->value))
            return "a URI is not urn:ek:sha256: and a hash in base64";
        if (name->tag == DER_URI)
            found++;
        else if (name->tag != DER_CONTEXT_CONSTRUCTED(4) &&
                 name->tag != DER_CONTEXT_CONSTRUCTED(0))
            return "there is a name of another kind";
    }
    return found == 1 ? NULL : "there is not just one URI";
}
