/* What a log answers; the timestamp that comes of it must read the same again. */
#include <stdint.h>
#include <stdlib.h>

#include "core/base/err.h"
#include "server/transparency/log_answer.h"
#include "server/transparency/sct.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(arena) struct arena *a = arena_new();
    struct err_info why = {0};
    struct span octets;
    struct sct sct;

    if (log_answer_read(a, span_make(data, size), &octets, &why) == ERR_OK) {
        if (sct_read(octets, &sct, &why) != ERR_OK ||
            !span_equal(sct_write(a, &sct), octets))
            abort();
        (void)sct_has_leaf_index(&sct);
    }
    /* and a timestamp by itself */
    if (sct_read(span_make(data, size), &sct, &why) == ERR_OK &&
        !span_equal(sct_write(a, &sct), span_make(data, size)))
        abort();
    return 0;
}
