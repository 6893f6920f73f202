/* nginx: locations for the tokens, in the servers that requests for the names come to. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "client/solve/nginx_config.h"
#include "client/solve/web_server.h"
#include "core/base/buf.h"

#define PIECE_MAX (1024 * 1024) /* octets */

static const char *const programs[] = {"nginx", "/usr/local/nginx/sbin/nginx", NULL};

static enum err run(struct web_server *w, const char *word, const char *more,
                    struct span *output, struct err_info *why)
{
    const char *arguments[5] = {word};
    size_t n = 1;

    if (more != NULL)
        arguments[n++] = more;
    if (w->config[0] != '\0') {
        arguments[n++] = "-c";
        arguments[n++] = w->config;
    }
    return web_server_run(w, programs, arguments, output, why);
}

/* "nginx: the configuration file /etc/nginx/nginx.conf syntax is ok" */
static enum err find_main_file(struct web_server *w, struct err_info *why)
{
    static const char before[] = "the configuration file ";
    static const char after[] = " syntax is ok";
    struct span output;

    TRY(run(w, "-t", NULL, &output, why));
    const char *text = arena_string_of(w->arena, output);
    const char *from = strstr(text, before);
    const char *to = from != NULL ? strstr(from, after) : NULL;
    if (to == NULL)
        return err_set(why, ERR_CONFIG,
                       "nginx -t does not say where its configuration is");
    from += strlen(before);
    w->main_file = arena_string_of(w->arena, span_make(from, (size_t)(to - from)));
    return ERR_OK;
}

/* The rewrite ends those of the server that come behind it, such as one to https. */
static void write_answer(struct buf *b, const struct solve_task *task)
{
    buf_printf(b,
               "rewrite ^(/\\.well-known/acme-challenge/%s)$ $1 break;\n"
               "location = /.well-known/acme-challenge/%s { default_type "
               "application/octet-stream; return 200 \"%s\"; }\n",
               task->token, task->token, task->key_authorization);
}

static void add_place(struct web_server *w, const struct nginx_listen *l)
{
    struct address at = l->at;
    const struct address any = {.family = at.family};

    if (address_equal(&at, &any)) /* itself is as good as any */
        at.octets[at.family == ADDRESS_V4 ? 0 : 15] = at.family == ADDRESS_V4 ? 127 : 1;
    if (at.family == ADDRESS_V4 && at.octets[0] == 127 && at.octets[3] == 0)
        at.octets[3] = 1;
    for (size_t i = 0; i < w->place_count; i++)
        if (address_equal(&w->places[i], &at))
            return;
    if (w->place_count < WEB_SERVER_PLACES_MAX)
        w->places[w->place_count++] = at;
}

static bool is_answering_at(const struct nginx_listen *l, uint16_t port)
{
    return l->at.port == port && !l->tls;
}

/* The piece for one server, unless none of the names comes to it. */
static enum err add_server(struct web_server *w, const struct nginx_config *c,
                           size_t index, struct web_piece *pieces, struct err_info *why)
{
    const struct nginx_server *s = &c->servers[index];
    AUTO(buf) struct buf b = buf_make(PIECE_MAX);

    for (size_t i = 0; i < w->task_count; i++)
        if (nginx_config_may_serve(c, index, w->tasks[i].identifier.value, w->port))
            write_answer(&b, &w->tasks[i]);
    if (b.failed)
        return err_set(why, ERR_TOO_LARGE, "too many challenges at once");
    if (b.len == 0)
        return ERR_OK;
    for (size_t i = 0; i < s->listen_count; i++)
        if (is_answering_at(&s->listens[i], w->port) && !s->listens[i].proxy_protocol)
            add_place(w, &s->listens[i]);
    for (size_t i = 0; i < w->piece_count; i++)
        if (pieces[i].at == s->inside && strcmp(pieces[i].file, s->file) == 0)
            return ERR_OK; /* one file that is included twice */
    pieces[w->piece_count++] =
        (struct web_piece){s->file, s->inside, arena_string_of(w->arena, buf_span(&b))};
    return ERR_OK;
}

/* Where nothing listens on the port, a server for the time being does. */
static enum err add_own_server(struct web_server *w, const struct nginx_config *c,
                               struct web_piece *pieces, struct err_info *why)
{
    AUTO(buf) struct buf b = buf_make(PIECE_MAX);
    struct nginx_listen here = {.at = {.family = ADDRESS_V4, .port = w->port}};
    bool has_ipv6 = access("/proc/net/if_inet6", F_OK) == 0;

    if (c->http_file == NULL)
        return err_set(why, ERR_CONFIG, "%s has no http { } that could answer",
                       w->main_file);
    buf_printf(&b, "server {\nlisten %u;\n", w->port);
    if (has_ipv6)
        buf_printf(&b, "listen [::]:%u ipv6only=on;\n", w->port);
    buf_add_text(&b, "server_name \"\";\n");
    for (size_t i = 0; i < w->task_count; i++)
        write_answer(&b, &w->tasks[i]);
    buf_add_text(&b, "location / { return 404; }\n}\n");
    if (b.failed)
        return err_set(why, ERR_TOO_LARGE, "too many challenges at once");
    add_place(w, &here);
    pieces[w->piece_count++] = (struct web_piece){
        c->http_file, c->http_inside, arena_string_of(w->arena, buf_span(&b))};
    return ERR_OK;
}

static enum err find(struct web_server *w, struct err_info *why)
{
    struct nginx_config c;
    bool listens = false;

    TRY(find_main_file(w, why));
    TRY(nginx_config_read(w->arena, w->main_file, &c, why));
    if (c.pid_file != NULL && c.pid_file[0] == '/' && !web_server_runs(c.pid_file))
        return err_set(why, ERR_CONFIG,
                       "nginx does not run (%s names no process); start it, or take "
                       "http: standalone",
                       c.pid_file);
    struct web_piece *pieces = arena_array(w->arena, c.count + 1, sizeof *pieces);
    for (size_t i = 0; i < c.count; i++) {
        TRY(add_server(w, &c, i, pieces, why));
        for (size_t k = 0; k < c.servers[i].listen_count; k++)
            listens |= c.servers[i].listens[k].at.port == w->port;
    }
    if (!listens)
        TRY(add_own_server(w, &c, pieces, why));
    if (w->piece_count == 0 && w->task_count > 0)
        return err_set(why, ERR_CONFIG,
                       "nginx listens on port %u for TLS only, and http-01 is without "
                       "it",
                       w->port);
    w->pieces = pieces;
    return ERR_OK;
}

static enum err list(struct web_server *w, const char *const **files,
                     struct err_info *why)
{
    struct nginx_config c;
    size_t count = 0;

    TRY(find_main_file(w, why));
    TRY(nginx_config_read(w->arena, w->main_file, &c, why));
    const char **all = arena_array(w->arena, c.count + 3, sizeof *all);
    all[count++] = w->main_file;
    for (size_t i = 0; i < c.count; i++)
        all[count++] = c.servers[i].file;
    if (c.http_file != NULL)
        all[count++] = c.http_file;
    *files = all;
    return ERR_OK;
}

static enum err reload(struct web_server *w, struct err_info *why)
{
    struct span ignored;

    TRY(run(w, "-t", NULL, &ignored, why));
    return run(w, "-s", "reload", &ignored, why);
}

const struct web_server_kind nginx_server_kind = {"nginx", find, list, reload};
