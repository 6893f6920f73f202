/* Dotted object identifiers, and octets of them: what was read and written again reads
 * the same. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/x509/oid.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
    if (!holds)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(arena) struct arena *a = arena_new();
    struct span given = span_make(data, size);
    struct span content;
    struct span again;

    if (oid_from_text(a, given, &content)) {
        const char *text = oid_to_text(a, content);
        must(text != NULL && span_equal(span_of(text), given));
    }
    const char *text = oid_to_text(a, given);
    if (text != NULL && oid_from_text(a, span_of(text), &again))
        must(span_equal(again, given));
    else
        must(text == NULL || strlen(text) > OID_TEXT_MAX);
    return 0;
}
