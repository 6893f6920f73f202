/* Reading nginx's configuration. */
#include "client/solve/nginx_config.h"

#include <errno.h>
#include <glob.h>
#include <string.h>
#include <unistd.h>

#include "client/solve/nginx_config_words.h"
#include "core/base/file.h"
#include "core/base/text.h"

#define FILE_MAX       (4 * 1024 * 1024) /* octets */
#define LISTEN_DEFAULT 80
#define LISTEN_NOBODY  8000 /* of a server without listen, if root did not start it */
#define RANGE_MAX      64   /* ports of one listen that are looked at */

enum place { PLACE_MAIN, PLACE_HTTP, PLACE_SERVER, PLACE_OTHER };

/* Lists that grow in an arena. */
struct list {
    void *items;
    size_t count;
    size_t room;
};

struct reader {
    struct arena *a;
    const char *folder; /* of the main file */
    struct list servers;
    struct list listens; /* of the server that is being read */
    struct list names;
    const char *http_file;
    size_t http_inside;
    const char *pid_file;
    size_t files;
    int depth;
};

static void *list_add(struct arena *a, struct list *l, size_t size)
{
    if (l->count == l->room) {
        size_t room = l->room != 0 ? 2 * l->room : 8;
        char *more = arena_array(a, room, size);
        if (l->count > 0)
            memcpy(more, l->items, l->count * size);
        l->items = more;
        l->room = room;
    }
    return (char *)l->items + size * l->count++;
}

/* ---- listen ---- */

/* "80", "*:80", "192.0.2.1", "[::1]:80", "localhost:80"; a range of ports gives its
 * ends. */
static bool read_endpoint(const char *word, struct address *at, uint16_t *last)
{
    uint64_t first = LISTEN_DEFAULT;
    uint64_t end = 0;
    const char *bracket = strchr(word, ']');
    const char *colon = strrchr(bracket != NULL ? bracket : word, ':');
    const char *port = colon != NULL ? colon + 1 : NULL;
    struct span host = span_of(word);

    if (strncmp(word, "unix:", 5) == 0)
        return false;
    if (port == NULL && strspn(word, "0123456789-") == strlen(word)) {
        port = word;
        host.len = 0;
    } else if (colon != NULL)
        host.len = (size_t)(colon - word);
    if (port != NULL) {
        size_t digits = strcspn(port, "-");
        if (!text_number(span_make(port, digits), UINT16_MAX, &first) ||
            (port[digits] == '-' &&
             !text_number(span_of(port + digits + 1), UINT16_MAX, &end)))
            return false;
    }
    if (host.len > 2 && host.data[0] == '[')
        host = span_slice(host, 1, host.len - 2);
    *at = (struct address){.family = ADDRESS_V4};
    if (span_is(host, "localhost"))
        *at = (struct address){.family = ADDRESS_V4, .octets = {127, 0, 0, 1}};
    else if (host.len > 0 && !span_is(host, "*") && !address_parse(host, at))
        return false; /* a name; nginx knew its address when it began */
    at->port = (uint16_t)first;
    *last = end > first ? (uint16_t)end : (uint16_t)first;
    return true;
}

static void add_listen(struct reader *r, const struct nginx_words *w)
{
    struct nginx_listen l = {0};
    uint16_t last = 0;

    if (w->count < 2 || !read_endpoint(w->list[1], &l.at, &last))
        return;
    for (size_t i = 2; i < w->count; i++) {
        l.tls |= strcmp(w->list[i], "ssl") == 0 || strcmp(w->list[i], "quic") == 0;
        l.proxy_protocol |= strcmp(w->list[i], "proxy_protocol") == 0;
        l.is_default |= strcmp(w->list[i], "default_server") == 0 ||
                        strcmp(w->list[i], "default") == 0;
    }
    for (int n = 0; n < RANGE_MAX; n++) {
        *(struct nginx_listen *)list_add(r->a, &r->listens, sizeof l) = l;
        if (l.at.port == last)
            return;
        l.at.port++;
    }
}

/* ---- blocks ---- */

static enum err read_file(struct reader *r, const char *path, enum place place,
                          struct err_info *why);
static enum err read_block(struct reader *r, struct nginx_text *t, enum place place,
                           struct err_info *why);

static enum err include(struct reader *r, const char *pattern, enum place place,
                        struct err_info *why)
{
    glob_t found;
    enum err result = ERR_OK;
    char *path = file_path(r->a, r->folder, pattern);

    if (strpbrk(path, "*?[") == NULL)
        return read_file(r, path, place, why);
    int failure = glob(path, 0, NULL, &found);
    if (failure == GLOB_NOMATCH)
        return ERR_OK;
    if (failure != 0)
        return err_set(why, ERR_IO, "cannot look for %s", path);
    for (size_t i = 0; i < found.gl_pathc && result == ERR_OK; i++)
        result = read_file(r, arena_string(r->a, found.gl_pathv[i]), place, why);
    globfree(&found);
    return result;
}

static enum err read_server(struct reader *r, struct nginx_text *t, struct err_info *why)
{
    struct nginx_server s = {.file = t->path, .inside = t->at};
    const struct nginx_listen fallback = {
        .at = {.family = ADDRESS_V4,
               .port = geteuid() == 0 ? LISTEN_DEFAULT : LISTEN_NOBODY}};

    r->listens = (struct list){0};
    r->names = (struct list){0};
    TRY(read_block(r, t, PLACE_SERVER, why));
    if (r->servers.count == NGINX_CONFIG_SERVERS_MAX)
        return err_set(why, ERR_TOO_LARGE, "%s: more than %d servers", t->path,
                       NGINX_CONFIG_SERVERS_MAX);
    if (r->listens.count == 0)
        *(struct nginx_listen *)list_add(r->a, &r->listens, sizeof fallback) = fallback;
    s.listens = r->listens.items;
    s.listen_count = r->listens.count;
    s.names = r->names.items;
    s.name_count = r->names.count;
    *(struct nginx_server *)list_add(r->a, &r->servers, sizeof s) = s;
    return ERR_OK;
}

static enum err simple(struct reader *r, const struct nginx_words *w, enum place place,
                       struct err_info *why)
{
    if (place != PLACE_OTHER && w->count == 2 && strcmp(w->list[0], "include") == 0)
        return include(r, w->list[1], place, why);
    if (place == PLACE_MAIN && w->count == 2 && strcmp(w->list[0], "pid") == 0)
        r->pid_file = w->list[1];
    if (place == PLACE_SERVER && strcmp(w->list[0], "listen") == 0)
        add_listen(r, w);
    if (place == PLACE_SERVER && strcmp(w->list[0], "server_name") == 0)
        for (size_t i = 1; i < w->count; i++)
            *(const char **)list_add(r->a, &r->names, sizeof(char *)) = w->list[i];
    return ERR_OK;
}

static enum err block(struct reader *r, const struct nginx_words *w, struct nginx_text *t,
                      enum place place, struct err_info *why)
{
    static const char lua[] = "_by_lua_block";
    size_t len = strlen(w->list[0]);

    if (len > strlen(lua) && strcmp(w->list[0] + len - strlen(lua), lua) == 0)
        return nginx_words_skip_lua(t, why);
    if (place == PLACE_HTTP && strcmp(w->list[0], "server") == 0)
        return read_server(r, t, why);
    if (place == PLACE_MAIN && strcmp(w->list[0], "http") == 0) {
        r->http_file = t->path;
        r->http_inside = t->at;
        return read_block(r, t, PLACE_HTTP, why);
    }
    return read_block(r, t, PLACE_OTHER, why);
}

/* Up to the } that ends it, or, of a file, its end. */
static enum err read_directives(struct reader *r, struct nginx_text *t, enum place place,
                                bool is_file, struct err_info *why)
{
    struct nginx_words w;

    for (;;) {
        TRY(nginx_words_next(r->a, t, &w, why));
        switch (w.end) {
        case NGINX_WORDS_FILE_ENDS:
            return is_file ? ERR_OK : nginx_words_fail(t, "\"}\" is missing", why);
        case NGINX_WORDS_BLOCK_ENDS:
            return is_file ? nginx_words_fail(t, "\"}\" ends nothing", why) : ERR_OK;
        case NGINX_WORDS_SEMICOLON:
            TRY(simple(r, &w, place, why));
            break;
        case NGINX_WORDS_BLOCK:
            TRY(block(r, &w, t, place, why));
            break;
        }
    }
}

static enum err read_block(struct reader *r, struct nginx_text *t, enum place place,
                           struct err_info *why)
{
    if (r->depth == NGINX_CONFIG_DEPTH_MAX)
        return nginx_words_fail(t, "blocks are nested too deeply", why);
    r->depth++;
    TRY(read_directives(r, t, place, false, why));
    r->depth--;
    return ERR_OK;
}

static enum err read_file(struct reader *r, const char *path, enum place place,
                          struct err_info *why)
{
    struct nginx_text t = {.path = path};

    if (r->depth == NGINX_CONFIG_DEPTH_MAX || r->files++ == NGINX_CONFIG_FILES_MAX)
        return err_set(why, ERR_CONFIG, "%s: included too deeply, or too many files",
                       path);
    TRY(file_read(r->a, path, FILE_MAX, &t.text, why));
    r->depth++;
    TRY(read_directives(r, &t, place, true, why));
    r->depth--;
    return ERR_OK;
}

enum err nginx_config_read(struct arena *a, const char *path, struct nginx_config *c,
                           struct err_info *why)
{
    const char *slash = strrchr(path, '/');
    struct reader r = {
        .a = a,
        .folder = slash == NULL
                      ? "."
                      : arena_string_of(a, span_make(path, (size_t)(slash - path)))};

    TRY(read_file(&r, path, PLACE_MAIN, why));
    *c = (struct nginx_config){r.servers.items, r.servers.count, r.http_file,
                               r.http_inside, r.pid_file};
    return ERR_OK;
}

/* ---- which server ---- */

enum match { MATCH_NONE, MATCH_MAYBE, MATCH_EXACT };

static bool ends_with(struct span text, struct span end)
{
    return text.len >= end.len &&
           text_equal_ignoring_case(span_slice(text, text.len - end.len, end.len), end);
}

static enum match match_word(struct span word, struct span name)
{
    if (text_equal_ignoring_case(word, name))
        return MATCH_EXACT;
    if (word.len > 0 && (word.data[0] == '~' || word.data[0] == '$'))
        return MATCH_MAYBE;
    if (word.len > 1 && word.data[0] == '.')
        return text_equal_ignoring_case(span_slice(word, 1, word.len), name) ? MATCH_EXACT
               : ends_with(name, word)                                       ? MATCH_MAYBE
                                                                             : MATCH_NONE;
    if (word.len > 2 && word.data[0] == '*')
        return ends_with(name, span_slice(word, 1, word.len)) ? MATCH_MAYBE : MATCH_NONE;
    if (word.len > 2 && word.data[word.len - 1] == '*' && name.len >= word.len - 1 &&
        text_equal_ignoring_case(span_slice(name, 0, word.len - 1),
                                 span_slice(word, 0, word.len - 1)))
        return MATCH_MAYBE;
    return MATCH_NONE;
}

static enum match match(const struct nginx_server *s, const char *name)
{
    enum match best = MATCH_NONE;

    for (size_t i = 0; i < s->name_count; i++) {
        enum match m = match_word(span_of(s->names[i]), span_of(name));
        best = m > best ? m : best;
    }
    return best;
}

static const struct nginx_listen *find_listen(const struct nginx_server *s,
                                              const struct address *at)
{
    for (size_t i = 0; i < s->listen_count; i++)
        if (address_equal(&s->listens[i].at, at) && s->listens[i].at.port == at->port)
            return &s->listens[i];
    return NULL;
}

/* Of all that listen there: the names decide, else the default, else the first. */
static bool may_serve_at(const struct nginx_config *c, size_t index, const char *name,
                         const struct address *at)
{
    size_t first = SIZE_MAX;
    size_t chosen = SIZE_MAX;
    bool exact = false;

    for (size_t i = 0; i < c->count; i++) {
        const struct nginx_listen *l = find_listen(&c->servers[i], at);
        if (l == NULL)
            continue;
        if (first == SIZE_MAX)
            first = i;
        if (l->is_default && chosen == SIZE_MAX)
            chosen = i;
        if (match(&c->servers[i], name) == MATCH_EXACT)
            exact = true;
    }
    enum match own = match(&c->servers[index], name);
    if (exact)
        return own == MATCH_EXACT;
    return own == MATCH_MAYBE || index == (chosen != SIZE_MAX ? chosen : first);
}

bool nginx_config_may_serve(const struct nginx_config *c, size_t index, const char *name,
                            uint16_t port)
{
    const struct nginx_server *s = &c->servers[index];

    for (size_t i = 0; i < s->listen_count; i++)
        if (s->listens[i].at.port == port && !s->listens[i].tls &&
            may_serve_at(c, index, name, &s->listens[i].at))
            return true;
    return false;
}
