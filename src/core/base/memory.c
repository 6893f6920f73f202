/* Heap memory that is always there. */
#include "core/base/memory.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void *check(void *memory)
{
    static const char message[] = "cairn: out of memory, stopping\n";

    if (memory == NULL) {
        if (write(STDERR_FILENO, message, sizeof message - 1) < 0)
            _exit(70);
        abort();
    }
    return memory;
}

void *memory_get(size_t size)
{
    return check(malloc(size > 0 ? size : 1));
}

void *memory_get_zeroed(size_t count, size_t size)
{
    return check(calloc(count > 0 ? count : 1, size > 0 ? size : 1));
}

void *memory_resize(void *old, size_t size)
{
    return check(realloc(old, size > 0 ? size : 1));
}

char *memory_copy_string(const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = memory_get(size);

    memcpy(copy, text, size);
    return copy;
}

void memory_wipe(void *data, size_t size)
{
    explicit_bzero(data, size);
}

void memory_give_back(void)
{
    (void)malloc_trim(0);
}
