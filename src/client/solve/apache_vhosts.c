/* Apache httpd's own lists. */
#include "client/solve/apache_vhosts.h"

#include <fnmatch.h>
#include <string.h>

#include "core/base/text.h"

/* "ADDRESS:PORT   NAME (FILE:LINE)", and of several at one address
 * "ADDRESS:PORT   is a NameVirtualHost" followed by lines with blanks before them:
 * "default server NAME (FILE:LINE)", "port 80 namevhost NAME (FILE:LINE)",
 * "alias NAME", "wild alias NAME". */
struct reader {
    struct arena *a;
    struct apache_vhosts *v;
    struct apache_vhost *list;
    size_t room;
    bool in_hosts;
    bool in_files;
    struct address at; /* of the lines with blanks */
    bool any;
    const char *default_file;
    size_t default_line;
    const char **names; /* of the last one */
    size_t name_room;
};

static bool take_word(struct span *line, struct span *word)
{
    size_t len = 0;

    *line = text_trim(*line);
    while (len < line->len && line->data[len] != ' ' && line->data[len] != '\t')
        len++;
    *word = span_slice(*line, 0, len);
    *line = text_trim(span_slice(*line, len, line->len));
    return len > 0;
}

static bool begins(struct span line, const char *with, struct span *rest)
{
    size_t len = strlen(with);

    if (line.len < len || memcmp(line.data, with, len) != 0)
        return false;
    *rest = text_trim(span_slice(line, len, line.len));
    return true;
}

static bool read_endpoint(struct span word, struct address *at, bool *any)
{
    size_t colon = word.len;
    uint64_t port = 0;

    while (colon > 0 && word.data[colon - 1] != ':')
        colon--;
    if (colon < 2)
        return false;
    struct span host = span_slice(word, 0, colon - 1);
    struct span number = span_slice(word, colon, word.len);
    if (!span_is(number, "*") && !text_number(number, UINT16_MAX, &port))
        return false;
    *any = span_is(host, "*") || span_is(host, "_default_");
    *at = (struct address){.family = ADDRESS_V4};
    if (host.len > 2 && host.data[0] == '[')
        host = span_slice(host, 1, host.len - 2);
    if (!*any && !address_parse(host, at))
        return false;
    at->port = (uint16_t)port;
    return true;
}

/* "(FILE:LINE)" at the end; none if a macro wrote it. */
static void read_place(struct arena *a, struct span text, const char **file, size_t *line)
{
    size_t colon = text.len;
    uint64_t number = 0;

    *file = NULL;
    *line = 0;
    if (text.len < 4 || text.data[0] != '(' || text.data[text.len - 1] != ')')
        return;
    text = span_slice(text, 1, text.len - 2);
    for (colon = text.len; colon > 0 && text.data[colon - 1] != ':'; colon--)
        continue;
    if (colon < 2 || text.data[0] != '/' ||
        !text_number(span_slice(text, colon, text.len), UINT32_MAX, &number))
        return;
    *file = arena_string_of(a, span_slice(text, 0, colon - 1));
    *line = (size_t)number;
}

static void add_name(struct reader *r, struct span name)
{
    if (r->v->count == 0)
        return;
    struct apache_vhost *host = &r->list[r->v->count - 1];
    if (host->name_count == r->name_room) {
        size_t room = r->name_room != 0 ? 2 * r->name_room : 8;
        const char **more = arena_array(r->a, room, sizeof *more);
        if (host->name_count > 0)
            memcpy(more, r->names, host->name_count * sizeof *more);
        r->names = more;
        r->name_room = room;
    }
    r->names[host->name_count++] = arena_string_of(r->a, name);
    host->names = r->names;
}

static void add_host(struct reader *r, struct span name, struct span place, bool alone)
{
    struct apache_vhost host = {.at = r->at, .any = r->any};

    read_place(r->a, place, &host.file, &host.line);
    host.is_default = alone || (host.file != NULL && r->default_file != NULL &&
                                host.line == r->default_line &&
                                strcmp(host.file, r->default_file) == 0);
    if (r->v->count == APACHE_VHOSTS_MAX)
        return;
    if (r->v->count == r->room) {
        size_t room = r->room != 0 ? 2 * r->room : 16;
        struct apache_vhost *more = arena_array(r->a, room, sizeof *more);
        if (r->v->count > 0)
            memcpy(more, r->list, r->v->count * sizeof *more);
        r->list = more;
        r->room = room;
    }
    r->list[r->v->count++] = host;
    r->names = NULL;
    r->name_room = 0;
    add_name(r, name);
}

static void read_inner(struct reader *r, struct span line)
{
    struct span rest;
    struct span word;

    if (begins(line, "default server ", &rest) && take_word(&rest, &word))
        read_place(r->a, rest, &r->default_file, &r->default_line);
    else if (begins(line, "port ", &rest)) {
        uint64_t port = 0;
        if (take_word(&rest, &word) && text_number(word, UINT16_MAX, &port) &&
            take_word(&rest, &word) && take_word(&rest, &word))
            add_host(r, word, rest, false);
    } else if (begins(line, "alias ", &rest) || begins(line, "wild alias ", &rest))
        add_name(r, rest);
}

static void read_outer(struct reader *r, struct span line)
{
    struct span word;

    if (!take_word(&line, &word) || !read_endpoint(word, &r->at, &r->any)) {
        r->in_hosts = false;
        return;
    }
    r->default_file = NULL;
    if (span_is(line, "is a NameVirtualHost"))
        return;
    if (take_word(&line, &word))
        add_host(r, word, line, true);
}

static void read_line(struct reader *r, struct span line)
{
    bool is_inner = line.len > 0 && (line.data[0] == ' ' || line.data[0] == '\t');
    struct span text = text_trim(line);
    struct span rest;

    if (begins(text, "VirtualHost configuration:", &rest)) {
        r->in_hosts = true;
        r->in_files = false;
        if (rest.len > 0)
            read_outer(r, rest);
    } else if (begins(text, "Included configuration files:", &rest))
        r->in_files = true;
    else if (r->in_files && begins(text, "(*)", &rest))
        r->v->main_file = arena_string_of(r->a, rest);
    else if (begins(text, "PidFile: \"", &rest) && rest.len > 1)
        r->v->pid_file = arena_string_of(r->a, span_slice(rest, 0, rest.len - 1));
    else if (is_inner && begins(text, "rewrite_module", &rest))
        r->v->has_rewrite = true;
    else if (r->in_hosts && is_inner)
        read_inner(r, text);
    else if (r->in_hosts)
        read_outer(r, text);
}

void apache_vhosts_read(struct arena *a, struct span output, struct apache_vhosts *v)
{
    struct reader r = {.a = a, .v = v};

    *v = (struct apache_vhosts){0};
    while (output.len > 0) {
        const uint8_t *end = memchr(output.data, '\n', output.len);
        size_t len = end != NULL ? (size_t)(end - output.data) : output.len;
        read_line(&r, span_slice(output, 0, len));
        output = span_slice(output, len + 1, output.len);
    }
    v->list = r.list;
}

/* ---- which one ---- */

static bool has_name(const struct apache_vhost *host, const char *name)
{
    for (size_t i = 0; i < host->name_count; i++)
        if (fnmatch(host->names[i], name, FNM_CASEFOLD | FNM_NOESCAPE) == 0)
            return true;
    return false;
}

static bool is_there(const struct apache_vhost *one, const struct apache_vhost *other)
{
    return one->any == other->any && one->at.port == other->at.port &&
           address_equal(&one->at, &other->at);
}

bool apache_vhosts_may_serve(const struct apache_vhosts *v, size_t index,
                             const char *name, uint16_t port)
{
    const struct apache_vhost *own = &v->list[index];

    if (own->at.port != 0 && own->at.port != port)
        return false;
    if (has_name(own, name))
        return true;
    for (size_t i = 0; i < v->count && own->is_default; i++)
        if (is_there(&v->list[i], own) && has_name(&v->list[i], name))
            return false;
    return own->is_default;
}

bool apache_vhosts_main_serves(const struct apache_vhosts *v, uint16_t port)
{
    for (size_t i = 0; i < v->count; i++)
        if (v->list[i].any && (v->list[i].at.port == 0 || v->list[i].at.port == port))
            return false;
    return true;
}
