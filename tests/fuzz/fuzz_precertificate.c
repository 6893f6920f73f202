/* To-be-signed octets: each of the three forms leads to the others and back. */
#include <stdint.h>
#include <stdlib.h>

#include "core/base/err.h"
#include "server/transparency/precertificate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void same(enum err result, struct span a, struct span b)
{
    if (result != ERR_OK || !span_equal(a, b))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(arena) struct arena *a = arena_new();
    const struct span tbs = span_make(data, size);
    enum precertificate_mark mark;
    struct err_info why = {0};
    struct span bare;
    struct span other;
    struct span back;

    if (precertificate_mark(tbs, &mark, &why) != ERR_OK || mark == PRECERTIFICATE_NONE)
        return 0;
    if (precertificate_entry(a, tbs, &bare, &why) != ERR_OK)
        abort();
    if (mark == PRECERTIFICATE_TIMESTAMPS) {
        if (precertificate_of(a, tbs, &other, &why) != ERR_OK)
            abort();
        same(precertificate_entry(a, other, &back, &why), back, bare);
        return 0;
    }
    if (precertificate_stamp(a, tbs, span_of("list"), &other, &why) != ERR_OK)
        return 0; /* too large */
    same(precertificate_entry(a, other, &back, &why), back, bare);
    same(precertificate_of(a, other, &back, &why), back, tbs);
    return 0;
}
