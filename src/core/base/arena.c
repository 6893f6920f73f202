/* Request-lifetime memory: a chain of blocks and a list of destructors. */
#include "core/base/arena.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/memory.h"
#include "core/base/text_format.h"

#define ARENA_BLOCK_SIZE 8192 /* octets; larger requests get a block of their own */
#define ARENA_FIRST_SIZE 992  /* then twice as many, up to ARENA_BLOCK_SIZE */
#define ARENA_ALIGNMENT  16

/* Blocks that are kept for whoever uses the arena next; with the sanitizer none, so that
 * it sees who still reads what was in them. */
#ifdef __SANITIZE_ADDRESS__
#define ARENA_SPARES 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_SPARES 0
#endif
#endif
#ifndef ARENA_SPARES
#define ARENA_SPARES 3
#endif

struct block {
    struct block *next;
    size_t size;
    size_t used;
    _Alignas(ARENA_ALIGNMENT) uint8_t data[];
};

struct owned {
    struct owned *next;
    void *object;
    void (*drop)(void *);
};

struct arena {
    struct block *block; /* where there is room; of at most ARENA_BLOCK_SIZE */
    struct block *full;  /* all others in use */
    struct block *spare; /* of ARENA_BLOCK_SIZE, at most ARENA_SPARES */
    unsigned int spares;
    struct owned *owned;
};

static struct block *block_new(size_t size)
{
    struct block *b = memory_get(sizeof *b + size);

    *b = (struct block){.size = size};
    return b;
}

struct arena *arena_new(void)
{
    struct arena *a = memory_get_zeroed(1, sizeof *a);

    a->block = block_new(ARENA_FIRST_SIZE);
    return a;
}

static void push(struct block **list, struct block *b)
{
    b->next = *list;
    *list = b;
}

static struct block *pop(struct block **list)
{
    struct block *b = *list;

    if (b != NULL)
        *list = b->next;
    return b;
}

/* Keep a block for later, or free it. */
static void put_aside(struct arena *a, struct block *b)
{
    if (b->size != ARENA_BLOCK_SIZE || a->spares == ARENA_SPARES) {
        free(b);
        return;
    }
    a->spares++;
    b->used = 0;
    push(&a->spare, b);
}

void arena_reset(struct arena *a)
{
    struct block *b;

    for (struct owned *o = a->owned; o != NULL; o = o->next)
        o->drop(o->object);
    a->owned = NULL;
    while ((b = pop(&a->full)) != NULL)
        put_aside(a, b);
    a->block->used = 0;
}

struct arena_mark arena_mark(const struct arena *a)
{
    return (struct arena_mark){
        .block = a->block, .full = a->full, .used = a->block->used};
}

void arena_go_back(struct arena *a, const struct arena_mark *mark)
{
    struct block *last = a->block;

    /* if another one took the place of the block of then, that one is among the full */
    if (last != mark->block)
        put_aside(a, last);
    while (a->full != mark->full) {
        struct block *b = pop(&a->full);
        if (b != mark->block)
            put_aside(a, b);
    }
    a->block = mark->block;
    a->block->used = mark->used;
}

void arena_free(struct arena *a)
{
    struct block *b;

    if (a == NULL)
        return;
    arena_reset(a);
    while ((b = pop(&a->spare)) != NULL)
        free(b);
    free(a->block);
    free(a);
}

/* One with room for `size` octets, at most ARENA_BLOCK_SIZE. */
static void next_block(struct arena *a, size_t size)
{
    struct block *b = pop(&a->spare);
    size_t room = 2 * a->block->size;

    if (b != NULL) {
        a->spares--;
    } else {
        while (room < size)
            room *= 2;
        b = block_new(room < ARENA_BLOCK_SIZE ? room : ARENA_BLOCK_SIZE);
    }
    push(&a->full, a->block);
    a->block = b;
}

void *arena_room(struct arena *a, size_t size)
{
    if (size > SIZE_MAX / 2)
        abort();
    size = (size + ARENA_ALIGNMENT - 1) & ~(size_t)(ARENA_ALIGNMENT - 1);
    if (size > ARENA_BLOCK_SIZE) {
        push(&a->full, block_new(size));
        return a->full->data;
    }
    if (a->block->size - a->block->used < size)
        next_block(a, size);
    void *result = a->block->data + a->block->used;
    a->block->used += size;
    return result;
}

/* A block of its own, which is not touched: room for the most rows that there may be
 * takes no memory until they are there. */
static void *take_zeroed(struct arena *a, size_t size)
{
    if (size > SIZE_MAX / 2)
        abort();
    struct block *b = memory_get_zeroed(1, sizeof *b + size);

    b->size = size;
    push(&a->full, b);
    return b->data;
}

void *arena_get(struct arena *a, size_t size)
{
    if (size > ARENA_BLOCK_SIZE)
        return take_zeroed(a, size);
    void *result = arena_room(a, size > 0 ? size : 1);

    memset(result, 0, size);
    return result;
}

void *arena_array(struct arena *a, size_t count, size_t size)
{
    if (size != 0 && count > SIZE_MAX / size)
        abort();
    return arena_get(a, count * size);
}

void *arena_copy(struct arena *a, const void *data, size_t size)
{
    void *result = arena_room(a, size > 0 ? size : 1);

    if (size > 0)
        memcpy(result, data, size);
    return result;
}

char *arena_string(struct arena *a, const char *text)
{
    return arena_copy(a, text, strlen(text) + 1);
}

char *arena_string_of(struct arena *a, struct span s)
{
    char *result = arena_room(a, s.len + 1);

    if (s.len > 0)
        memcpy(result, s.data, s.len);
    result[s.len] = '\0';
    return result;
}

struct span arena_span(struct arena *a, struct span s)
{
    return span_make(arena_copy(a, s.data, s.len), s.len);
}

char *arena_printf(struct arena *a, const char *format, ...)
{
    struct block *b = a->block;
    size_t room = b->size - b->used;
    va_list arguments;
    va_list again;

    va_start(arguments, format);
    va_copy(again, arguments);
    /* mostly there is room for it where it will be taken */
    int size = text_format((char *)b->data + b->used, room, format, arguments);
    va_end(arguments);
    if (size < 0)
        abort();
    char *result = arena_room(a, (size_t)size + 1);
    if ((size_t)size >= room)
        (void)text_format(result, (size_t)size + 1, format, again);
    va_end(again);
    return result;
}

void *arena_own(struct arena *a, void *object, void (*drop)(void *))
{
    struct owned *o = arena_get(a, sizeof *o);

    o->object = object;
    o->drop = drop;
    o->next = a->owned;
    a->owned = o;
    return object;
}
