/* Transcripts of key ceremonies: whatever is in them, they are read to their end, and the
 * same text is judged the same. */
#include <stdlib.h>

#include "server/command/ceremony.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(arena) struct arena *a = arena_new();
    struct ceremony_report first = {0};
    struct ceremony_report second = {0};
    struct err_info why = {0};

    enum err result =
        ceremony_transcript_verify(a, span_make(data, size), NULL, &first, &why);
    if (result != ERR_OK && why.detail[0] == '\0')
        abort();
    if (ceremony_transcript_verify(a, span_make(data, size), NULL, &second, NULL) !=
            result ||
        first.steps != second.steps || first.signatures != second.signatures)
        abort();
    return 0;
}
