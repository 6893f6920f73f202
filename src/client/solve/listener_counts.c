/* Numbers of a listener. */
#include "client/solve/listener_counts.h"

#include <string.h>

#include "core/base/text.h"

#define COUNT (sizeof(struct listener_counts) / sizeof(uint64_t))

void listener_counts_write(struct buf *b, const struct listener_counts *counts)
{
    uint64_t numbers[COUNT];

    memcpy(numbers, counts, sizeof numbers);
    for (size_t i = 0; i < COUNT; i++)
        buf_printf(b, "%s%llu", i > 0 ? " " : "", (unsigned long long)numbers[i]);
}

bool listener_counts_read(struct span text, struct listener_counts *counts)
{
    uint64_t numbers[COUNT] = {0};
    size_t at = 0;

    for (size_t i = 0; i < COUNT; i++) {
        size_t end = at;
        while (end < text.len && text.data[end] != ' ')
            end++;
        if (!text_number(span_slice(text, at, end - at), UINT64_MAX, &numbers[i]))
            return false;
        at = end < text.len ? end + 1 : end;
    }
    memcpy(counts, numbers, sizeof numbers);
    return at == text.len;
}
