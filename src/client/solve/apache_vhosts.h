/* What Apache httpd says of itself when it is asked to
 * (-t -D DUMP_VHOSTS -D DUMP_INCLUDES -D DUMP_RUN_CFG -D DUMP_MODULES): its virtual hosts
 * with the places where they are written, its main file, its modules. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/arena.h"
#include "core/base/span.h"
#include "core/net/address.h"

#define APACHE_VHOSTS_MAX 50000

struct apache_vhost {
    struct address at;        /* 0.0.0.0 for *; port 0: any */
    bool any;                 /* it is *, every address */
    bool is_default;          /* for names that no other has there */
    const char *file;         /* NULL: made by a macro, in no file */
    size_t line;              /* of <VirtualHost> there, from 1 */
    const char *const *names; /* its own and its aliases, which may have * and ? */
    size_t name_count;
};

struct apache_vhosts {
    const struct apache_vhost *list;
    size_t count;
    const char *main_file; /* NULL: it did not say */
    const char *pid_file;  /* likewise */
    bool has_rewrite;      /* mod_rewrite is there */
};

/* Read its output; what is not known is passed over. */
void apache_vhosts_read(struct arena *a, struct span output, struct apache_vhosts *v);

/* May a request for that name, on that port, come to virtual host number `index`? */
bool apache_vhosts_may_serve(const struct apache_vhosts *v, size_t index,
                             const char *name, uint16_t port);

/* May it come to the main server, as not every address has virtual hosts there? */
bool apache_vhosts_main_serves(const struct apache_vhosts *v, uint16_t port);
