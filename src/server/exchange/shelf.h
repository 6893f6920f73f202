/* What is published: documents by their path, handed out whole and replaced whole while
 * somebody still reads the old one. Any thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/arena.h"
#include "core/base/span.h"

struct shelf;

/* A document; all but `octets` is copied. */
struct shelf_document {
    const char *content_type; /* static */
    struct span octets;
    int64_t modified; /* seconds */
    int64_t expires;  /* seconds: nobody may keep it longer; 0: as long as they like */
    const char *etag; /* with its quotes */
};

/* An empty shelf; NULL is fine for freeing. */
struct shelf *shelf_new(void);
void shelf_free(struct shelf *shelf);

/* Put a document there, in the place of what is there. `drop(object)` is called when
 * neither the shelf nor a reader has it any more; NULL: the octets live for ever. */
void shelf_put(struct shelf *shelf, const char *path,
               const struct shelf_document *document, void (*drop)(void *object),
               void *object);

/* The document at a path, kept for as long as the arena; false: there is none. */
bool shelf_get(struct shelf *shelf, const char *path, struct arena *a,
               struct shelf_document *document);
