/* What nginx's configuration files say of its servers: which there are, where each is
 * written, where it listens, what it is called. Directives are read as nginx reads them
 * (ngx_conf_file.c): words, quotes, blocks, includes with wildcards; of all others only
 * that they end somewhere. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/arena.h"
#include "core/base/err.h"
#include "core/net/address.h"

#define NGINX_CONFIG_FILES_MAX   20000
#define NGINX_CONFIG_SERVERS_MAX 50000
#define NGINX_CONFIG_WORDS_MAX   4096 /* of one directive */
#define NGINX_CONFIG_DEPTH_MAX   32   /* of blocks and includes */

struct nginx_listen {
    struct address at; /* 0.0.0.0 for *; with port */
    bool tls;
    bool proxy_protocol;
    bool is_default;
};

struct nginx_server {
    const char *file; /* path as nginx came to it */
    size_t inside;    /* octets of the file up to and with its { */
    const struct nginx_listen *listens;
    size_t listen_count;
    const char *const *names;
    size_t name_count;
};

struct nginx_config {
    const struct nginx_server *servers; /* in the order nginx reads them */
    size_t count;
    const char *http_file; /* where http { is; NULL: nowhere */
    size_t http_inside;
    const char *pid_file; /* as the file says it; NULL: nginx's own choice */
};

/* Read the main file and all it includes. ERR_CONFIG with file and line, ERR_IO,
 * ERR_NOT_FOUND. */
MUST_CHECK enum err nginx_config_read(struct arena *a, const char *path,
                                      struct nginx_config *c, struct err_info *why);

/* May a request for that name, on that port without TLS, come to server number `index`?
 * Errs on the side of yes where names are regular expressions. */
bool nginx_config_may_serve(const struct nginx_config *c, size_t index, const char *name,
                            uint16_t port);
