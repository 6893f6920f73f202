/* Published documents over HTTP. */
#include "server/front/front_published.h"

#include <string.h>

#include "core/base/clock.h"
#include "core/base/text.h"
#include "core/http/http_date.h"
#include "server/exchange/shelf.h"
#include "server/front/front_http.h"
#include "server/limit/limit_rules.h"

#define MAX_AGE 3600 /* seconds; a revocation is seen through caches after that time */

enum { PUBLISHED_GET = 1, PUBLISHED_POST = 2 };

static const struct {
    const char *path;
    int methods;
    enum err (*handler)(const struct services *services,
                        const struct http_request *request, const char *path,
                        struct http_reply *reply, struct err_info *why);
} rows[] = {
#define PUBLISHED(path, methods, handler) {path, methods, handler},
#include "server/front/published.def"
#undef PUBLISHED
};

/* ---- documents ---- */

/* Is it one of the entity tags of the header, or "*"? Weakly compared (RFC 9110 13.1.2).
 */
static bool names_etag(const char *list, const char *etag)
{
    size_t len = strlen(etag);

    while (*list != '\0') {
        list += strspn(list, " \t,");
        if (*list == '*')
            return true;
        if (strncmp(list, "W/", 2) == 0)
            list += 2;
        size_t one = strcspn(list, ",");
        if (text_trim(span_make(list, one)).len == len && strncmp(list, etag, len) == 0)
            return true;
        list += one;
    }
    return false;
}

/* RFC 9110 13.2.2: the tag decides if there is one, else the time. */
static bool is_known(const struct http_request *request, const struct shelf_document *d)
{
    const char *tags = http_request_header(request, "If-None-Match");
    const char *since = http_request_header(request, "If-Modified-Since");
    int64_t time = 0;

    if (tags != NULL)
        return names_etag(tags, d->etag);
    return since != NULL && http_date_read(span_of(since), &time) && d->modified <= time;
}

/* Never beyond the time the document ends (X-CRL-12). */
static const char *cache_control(struct arena *a, const struct shelf_document *d)
{
    int64_t left = d->expires == 0 ? MAX_AGE : d->expires - clock_now();

    if (left <= 0)
        return "no-cache";
    return arena_printf(a, "public, max-age=%lld",
                        (long long)(left < MAX_AGE ? left : MAX_AGE));
}

enum err front_published_document(const struct services *services,
                                  const struct http_request *request, const char *path,
                                  struct http_reply *reply, struct err_info *why)
{
    struct shelf_document d = {0};

    if (!shelf_get(services->published, path, request->arena, &d))
        return err_set(why, ERR_NOT_FOUND, "nothing is published at %.200s", path);
    char *modified = arena_get(request->arena, HTTP_DATE_SIZE);
    http_date_write(modified, d.modified);
    http_reply_header(reply, "Last-Modified", modified);
    http_reply_header(reply, "ETag", arena_string(request->arena, d.etag));
    http_reply_header(reply, "Cache-Control", cache_control(request->arena, &d));
    reply->status = is_known(request, &d) ? 304 : 200;
    if (reply->status == 200) {
        http_reply_header(reply, "Content-Type", d.content_type);
        reply->body = d.octets;
    }
    return ERR_OK;
}

/* ---- choosing ---- */

const char *front_published_path(const struct settings *s,
                                 const struct http_request *request)
{
    const char *base = s->publish_base != NULL ? strchr(s->publish_base + 7, '/') : NULL;
    size_t len = base != NULL ? strlen(base) : 0;

    if (len > 0 && strncmp(request->path, base, len) == 0 && request->path[len] == '/')
        return request->path + len;
    return request->path;
}

static int method_bit(enum http_method method)
{
    if (method == HTTP_GET || method == HTTP_HEAD)
        return PUBLISHED_GET;
    return method == HTTP_POST ? PUBLISHED_POST : 0;
}

static enum err answer_row(size_t row, const struct services *services,
                           const struct http_request *request, const char *path,
                           struct http_reply *reply, struct err_info *why)
{
    TRY(limit_rules_request(services->limits, request->arena, &request->peer, why));
    if ((rows[row].methods & method_bit(request->method)) != 0)
        return rows[row].handler(services, request, path, reply, why);
    http_reply_header(reply, "Allow",
                      rows[row].methods == PUBLISHED_GET    ? "GET, HEAD"
                      : rows[row].methods == PUBLISHED_POST ? "POST"
                                                            : "GET, HEAD, POST");
    return err_set(why, ERR_METHOD_NOT_ALLOWED, "%.20s is not allowed here",
                   request->method_text);
}

bool front_published_answer(const struct services *services,
                            const struct http_request *request, struct http_reply *reply)
{
    const char *path = front_published_path(services->settings, request);
    struct err_info why = {0};
    size_t row = 0;

    while (row < sizeof rows / sizeof rows[0] &&
           strncmp(path, rows[row].path, strlen(rows[row].path)) != 0)
        row++;
    if (row < sizeof rows / sizeof rows[0]) {
        if (answer_row(row, services, request, path, reply, &why) != ERR_OK)
            front_http_problem(request->arena, &why, reply);
        return true;
    }
    if (request->tls)
        return false;
    (void)err_set(&why, ERR_NOT_FOUND,
                  "plain HTTP has revocation lists and issuer certificates only; ACME is "
                  "at %s/directory",
                  settings_url(request->arena, services->settings, NULL));
    front_http_problem(request->arena, &why, reply);
    return true;
}
