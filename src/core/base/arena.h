/* Memory that lives as long as one request, job or command, and is freed all at once.
 * An arena belongs to one thread at a time. */
#pragma once

#include <stdarg.h>
#include <stddef.h>

#include "core/base/span.h"

struct arena;

/* A new, empty arena; free with arena_free. */
struct arena *arena_new(void);

/* Run the adopted destructors, newest first, and free everything. NULL is fine. */
void arena_free(struct arena *a);

/* As arena_free, but the arena can be used again and keeps a few blocks. */
void arena_reset(struct arena *a);

/* Where an arena was at some time. */
struct arena_mark {
    void *block;
    void *full;
    size_t used;
};

/* Go back to a mark: what was taken since is given back. Nothing must have been owned
 * since. */
struct arena_mark arena_mark(const struct arena *a);
void arena_go_back(struct arena *a, const struct arena_mark *mark);

/* `size` zeroed octets, aligned for any type, valid until the arena is freed or reset. */
void *arena_get(struct arena *a, size_t size) __attribute__((returns_nonnull));

/* The same, but they hold what happens to be there. */
void *arena_room(struct arena *a, size_t size) __attribute__((returns_nonnull));

/* `count` zeroed elements of `size` octets; a product that overflows ends the process. */
void *arena_array(struct arena *a, size_t count, size_t size)
    __attribute__((returns_nonnull));

/* Copies: of octets, of a string, of a span as a NUL-terminated string. */
void *arena_copy(struct arena *a, const void *data, size_t size)
    __attribute__((returns_nonnull));
char *arena_string(struct arena *a, const char *text) __attribute__((returns_nonnull));
char *arena_string_of(struct arena *a, struct span s) __attribute__((returns_nonnull));

/* A copy of a span in the arena. */
struct span arena_span(struct arena *a, struct span s);

/* A formatted, NUL-terminated string. */
char *arena_printf(struct arena *a, const char *format, ...)
    __attribute__((returns_nonnull, format(printf, 2, 3)));

/* Let the arena own `object`: drop(object) is called when it is freed. Returns `object`.
 */
void *arena_own(struct arena *a, void *object, void (*drop)(void *));

static inline void arena_auto(struct arena **a)
{
    arena_free(*a);
}
