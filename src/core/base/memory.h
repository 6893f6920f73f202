/* Heap memory that is always there: exhaustion ends the process.
 *
 * All input is bounded before memory is asked for, so running out means the machine is
 * out of memory. The process then stops at once; its supervisor restarts it, and what was
 * answered is on disk. No caller carries a path that is never tested.
 */
#pragma once

#include <stddef.h>

/* `size` octets, not initialised. Never NULL; free with free(). */
void *memory_get(size_t size) __attribute__((malloc, returns_nonnull));

/* `count` times `size` octets, zeroed. Never NULL; a product that overflows ends the
 * process. */
void *memory_get_zeroed(size_t count, size_t size)
    __attribute__((malloc, returns_nonnull));

/* Grow or shrink as realloc() does. Never NULL. */
void *memory_resize(void *old, size_t size) __attribute__((returns_nonnull));

/* A copy of a NUL-terminated string; free with free(). */
char *memory_copy_string(const char *text) __attribute__((malloc, returns_nonnull));

/* Overwrite `size` octets so that the compiler cannot leave it out. */
void memory_wipe(void *data, size_t size);

/* Give the system back what was freed after a peak; takes milliseconds for 100 MiB. */
void memory_give_back(void);
