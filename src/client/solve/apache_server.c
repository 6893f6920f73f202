/* Apache httpd: rewrite rules for the tokens, at the beginning of the virtual hosts that
 * requests for the names come to. mod_rewrite looks at a request before redirects,
 * aliases, proxies and passwords do, and a rule with the status 200 and a text for that
 * "error" needs no file. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "client/run/port_holder.h"
#include "client/solve/apache_vhosts.h"
#include "client/solve/web_server.h"
#include "core/base/buf.h"
#include "core/base/file.h"

#define PIECE_MAX (1024 * 1024) /* octets */

/* Debian's needs its script, which knows the environment that the configuration is
 * written for; that of others takes no such arguments. */
static const char *const usual[] = {"apache2ctl", "httpd", "apachectl", NULL};
static const char *const alone[] = {"apache2", "httpd", NULL};

static enum err run(struct web_server *w, const char *const *words, struct span *output,
                    struct err_info *why)
{
    const char *arguments[12] = {NULL};
    size_t n = 0;

    if (w->config[0] != '\0') {
        arguments[n++] = "-f";
        arguments[n++] = w->config;
    }
    for (size_t i = 0; words[i] != NULL; i++)
        arguments[n++] = words[i];
    return web_server_run(w, w->config[0] != '\0' ? alone : usual, arguments, output,
                          why);
}

static enum err ask(struct web_server *w, struct apache_vhosts *v, struct err_info *why)
{
    static const char *const words[] = {
        "-t", "-D",           "DUMP_VHOSTS", "-D",           "DUMP_INCLUDES",
        "-D", "DUMP_RUN_CFG", "-D",          "DUMP_MODULES", NULL};
    struct span output;

    TRY(run(w, words, &output, why));
    apache_vhosts_read(w->arena, output, v);
    if (v->main_file == NULL)
        return err_set(why, ERR_CONFIG,
                       "Apache httpd does not say where its configuration is; 2.4.7 or "
                       "newer does");
    if (!v->has_rewrite)
        return err_set(why, ERR_CONFIG,
                       "Apache httpd has no mod_rewrite loaded, which answers before "
                       "redirects do; type: a2enmod rewrite");
    return ERR_OK;
}

/* A graceful restart begins a server that was not there; this must not happen here. */
static bool is_running(const struct apache_vhosts *v)
{
    return v->pid_file != NULL && web_server_runs(v->pid_file);
}

static void write_answer(struct buf *b, const struct solve_task *task)
{
    buf_printf(b,
               "RewriteEngine on\n"
               "RewriteRule \"^/\\.well-known/acme-challenge/%s$\" - [R=200,END]\n"
               "<Location \"/.well-known/acme-challenge/%s\">\n"
               "ErrorDocument 200 \"%s\"\n"
               "</Location>\n",
               task->token, task->token, task->key_authorization);
}

static void add_place(struct web_server *w, bool any, const struct address *at)
{
    struct address to = {.family = ADDRESS_V4, .octets = {127, 0, 0, 1}};

    if (!any)
        to = *at;
    to.port = w->port;
    for (size_t i = 0; i < w->place_count; i++)
        if (address_equal(&w->places[i], &to))
            return;
    if (w->place_count < WEB_SERVER_PLACES_MAX)
        w->places[w->place_count++] = to;
}

/* Octets of the file up to and with that line. */
static enum err behind_line(struct web_server *w, const char *file, size_t line,
                            size_t *at, struct err_info *why)
{
    struct span text;
    size_t i = 0;

    TRY(file_read(w->arena, file, WEB_EDIT_FILE_MAX, &text, why));
    for (size_t n = 0; n < line && i < text.len; i++)
        n += text.data[i] == '\n';
    /* the piece begins with an end of line of its own */
    *at = i > 0 && text.data[i - 1] == '\n' ? i - 1 : i;
    return ERR_OK;
}

static enum err add_host(struct web_server *w, const struct apache_vhosts *v,
                         size_t index, struct web_piece *pieces, struct err_info *why)
{
    const struct apache_vhost *host = &v->list[index];
    AUTO(buf) struct buf b = buf_make(PIECE_MAX);

    for (size_t i = 0; i < w->task_count; i++)
        if (apache_vhosts_may_serve(v, index, w->tasks[i].identifier.value, w->port))
            write_answer(&b, &w->tasks[i]);
    if (b.len == 0)
        return ERR_OK;
    if (b.failed)
        return err_set(why, ERR_TOO_LARGE, "too many challenges at once");
    if (host->file == NULL)
        return err_set(why, ERR_CONFIG,
                       "the virtual host %s of Apache httpd is made by a macro, in which "
                       "nothing can be put; take http: webroot:FOLDER",
                       host->name_count > 0 ? host->names[0] : "without a name");
    add_place(w, host->any, &host->at);
    struct web_piece *p = &pieces[w->piece_count];
    *p = (struct web_piece){host->file, 0, arena_string_of(w->arena, buf_span(&b))};
    TRY(behind_line(w, host->file, host->line, &p->at, why));
    for (size_t i = 0; i < w->piece_count; i++)
        if (pieces[i].at == p->at && strcmp(pieces[i].file, p->file) == 0)
            return ERR_OK; /* a virtual host with several addresses */
    w->piece_count++;
    return ERR_OK;
}

static enum err add_main(struct web_server *w, const struct apache_vhosts *v,
                         struct web_piece *pieces, struct err_info *why)
{
    AUTO(buf) struct buf b = buf_make(PIECE_MAX);
    const struct address here = {0};

    if (!port_holder_is_used(w->port))
        buf_printf(&b, "Listen %u\n", w->port);
    for (size_t i = 0; i < w->task_count; i++)
        write_answer(&b, &w->tasks[i]);
    if (b.failed)
        return err_set(why, ERR_TOO_LARGE, "too many challenges at once");
    if (w->place_count == 0)
        add_place(w, true, &here);
    pieces[w->piece_count++] = (struct web_piece){
        v->main_file, WEB_EDIT_AT_THE_END, arena_string_of(w->arena, buf_span(&b))};
    return ERR_OK;
}

static enum err find(struct web_server *w, struct err_info *why)
{
    struct apache_vhosts v;

    TRY(ask(w, &v, why));
    if (!is_running(&v))
        return err_set(why, ERR_CONFIG,
                       "Apache httpd does not run (%s names no process); start it, or "
                       "take http: standalone",
                       v.pid_file != NULL ? v.pid_file : "its PidFile");
    w->main_file = v.main_file;
    struct web_piece *pieces = arena_array(w->arena, v.count + 2, sizeof *pieces);
    for (size_t i = 0; i < v.count; i++)
        TRY(add_host(w, &v, i, pieces, why));
    if (apache_vhosts_main_serves(&v, w->port))
        TRY(add_main(w, &v, pieces, why));
    w->pieces = pieces;
    return ERR_OK;
}

static enum err list(struct web_server *w, const char *const **files,
                     struct err_info *why)
{
    struct apache_vhosts v;
    size_t count = 0;

    TRY(ask(w, &v, why));
    const char **all = arena_array(w->arena, v.count + 2, sizeof *all);
    all[count++] = v.main_file;
    for (size_t i = 0; i < v.count; i++)
        if (v.list[i].file != NULL)
            all[count++] = v.list[i].file;
    *files = all;
    return ERR_OK;
}

static enum err reload(struct web_server *w, struct err_info *why)
{
    static const char *const test[] = {"-t", NULL};
    static const char *const graceful[] = {"-k", "graceful", NULL};
    struct apache_vhosts v;
    struct span ignored;

    TRY(run(w, test, &ignored, why));
    TRY(ask(w, &v, why));
    return is_running(&v) ? run(w, graceful, &ignored, why) : ERR_OK;
}

const struct web_server_kind apache_server_kind = {"apache", find, list, reload};
