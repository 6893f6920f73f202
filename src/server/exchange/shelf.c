/* Published documents: a hash table of counted references. */
#include "server/exchange/shelf.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/memory.h"
#include "core/base/text.h"

#define BUCKETS   1024
#define ETAG_SIZE 80 /* octets */

struct book {
    struct shelf_document document;
    char etag[ETAG_SIZE];
    atomic_int readers; /* and the shelf */
    void (*drop)(void *object);
    void *object;
};

struct place {
    char *path;
    struct book *book;
    struct place *next;
};

struct shelf {
    pthread_mutex_t lock;
    struct place *buckets[BUCKETS];
};

struct shelf *shelf_new(void)
{
    struct shelf *shelf = memory_get_zeroed(1, sizeof *shelf);

    (void)pthread_mutex_init(&shelf->lock, NULL);
    return shelf;
}

static void give_back(void *object)
{
    struct book *book = object;

    if (atomic_fetch_sub(&book->readers, 1) > 1)
        return;
    if (book->drop != NULL)
        book->drop(book->object);
    free(book);
}

void shelf_free(struct shelf *shelf)
{
    if (shelf == NULL)
        return;
    for (size_t i = 0; i < BUCKETS; i++) {
        while (shelf->buckets[i] != NULL) {
            struct place *p = shelf->buckets[i];
            shelf->buckets[i] = p->next;
            give_back(p->book);
            free(p->path);
            free(p);
        }
    }
    (void)pthread_mutex_destroy(&shelf->lock);
    free(shelf);
}

/* FNV-1a: the paths are ours, and unknown ones are only looked for. */
static size_t bucket_of(const char *path)
{
    uint32_t hash = 2166136261U;

    for (; *path != '\0'; path++)
        hash = (hash ^ (uint8_t)*path) * 16777619U;
    return hash % BUCKETS;
}

static struct place *find(struct shelf *shelf, const char *path)
{
    struct place *p = shelf->buckets[bucket_of(path)];

    while (p != NULL && strcmp(p->path, path) != 0)
        p = p->next;
    return p;
}

static struct place *add(struct shelf *shelf, const char *path)
{
    struct place *p = memory_get_zeroed(1, sizeof *p);
    struct place **bucket = &shelf->buckets[bucket_of(path)];
    size_t len = strlen(path);

    p->path = memory_get_zeroed(1, len + 1);
    memcpy(p->path, path, len);
    p->next = *bucket;
    *bucket = p;
    return p;
}

void shelf_put(struct shelf *shelf, const char *path,
               const struct shelf_document *document, void (*drop)(void *object),
               void *object)
{
    struct book *book = memory_get_zeroed(1, sizeof *book);

    book->document = *document;
    (void)text_copy(book->etag, sizeof book->etag, document->etag);
    book->document.etag = book->etag;
    atomic_init(&book->readers, 1);
    book->drop = drop;
    book->object = object;
    (void)pthread_mutex_lock(&shelf->lock);
    struct place *p = find(shelf, path);
    if (p == NULL)
        p = add(shelf, path);
    struct book *old = p->book;
    p->book = book;
    (void)pthread_mutex_unlock(&shelf->lock);
    if (old != NULL)
        give_back(old);
}

bool shelf_get(struct shelf *shelf, const char *path, struct arena *a,
               struct shelf_document *document)
{
    (void)pthread_mutex_lock(&shelf->lock);
    const struct place *p = find(shelf, path);
    struct book *book = p != NULL ? p->book : NULL;
    if (book != NULL)
        atomic_fetch_add(&book->readers, 1);
    (void)pthread_mutex_unlock(&shelf->lock);
    if (book == NULL)
        return false;
    arena_own(a, book, give_back);
    *document = book->document;
    return true;
}
