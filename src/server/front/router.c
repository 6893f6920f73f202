/* Path and method to handler. */
#include "server/front/router.h"

#include <string.h>

#include "core/base/text.h"
#include "server/gate/gate.h"
#include "server/limit/limit_rules.h"
#include "server/resource/resource.h"

enum { ROUTE_GET = 1, ROUTE_POST = 2 };
enum route_access { ROUTE_OPEN, ROUTE_NEW_KEY, ROUTE_ACCOUNT, ROUTE_EITHER, ROUTE_PLAIN };

struct route {
    const char *path;
    int parts; /* what stands behind the path: 0 nothing, 1 an id, 2 an id and a name, 3 a
                  name */
    int methods;
    enum route_access access;
    exchange_step *handler;
};

static const struct route routes[] = {
#define ROUTE(path, parts, methods, access, handler)                                     \
    {path, parts, methods, access, handler},
#include "server/front/routes.def"
#undef ROUTE
};

static const char prefix[] = "/acme/";

/* One name and nothing behind it. */
static bool is_name(const char *rest)
{
    return *rest != '\0' && strchr(rest, '/') == NULL;
}

/* The id, a name, or both; nothing else behind. */
static bool read_parts(const char *rest, int parts, int64_t *id)
{
    uint64_t number = 0;

    if (parts == 0)
        return *rest == '\0';
    if (*rest != '/')
        return false;
    rest++;
    if (parts == 3)
        return is_name(rest);
    size_t digits = strspn(rest, "0123456789");
    /* one spelling only: no leading zero */
    if (rest[0] == '0' || !text_number(span_make(rest, digits), INT64_MAX, &number))
        return false;
    rest += digits;
    *id = (int64_t)number;
    if (parts == 1)
        return *rest == '\0';
    return *rest == '/' && is_name(rest + 1);
}

/* The route of what stands behind "/acme/", or behind the directory's name there. */
static const struct route *find_below(const char *path, int64_t *id)
{
    for (size_t i = 0; i < sizeof routes / sizeof routes[0]; i++) {
        size_t len = strlen(routes[i].path);
        if (strncmp(path, routes[i].path, len) == 0 &&
            read_parts(path + len, routes[i].parts, id))
            return &routes[i];
    }
    return NULL;
}

/* The route and the directory of the tray's path; NULL if there is nothing there. A name
 * of a directory hides no route: no route has another behind it, and renewal-info, which
 * has any name behind it, is no name of a directory. */
static const struct route *find(struct exchange *x, int64_t *id)
{
    const struct settings *settings = x->services->settings;

    if (strncmp(x->path, prefix, sizeof prefix - 1) != 0)
        return NULL;
    const char *path = x->path + sizeof prefix - 1;
    const struct route *route = find_below(path, id);
    x->directory = settings_directory(settings, SETTINGS_DIRECTORY_DEFAULT);
    if (route != NULL)
        return x->directory != NULL || route->handler == resource_root ? route : NULL;
    const char *slash = strchr(path, '/');
    if (slash == NULL)
        return NULL;
    const char *name = arena_string_of(x->arena, span_make(path, (size_t)(slash - path)));
    const struct settings_directory *directory = settings_directory(settings, name);
    if (directory == NULL || directory == x->directory)
        return NULL; /* the default has one spelling only */
    route = find_below(slash + 1, id);
    if (route != NULL)
        x->directory = directory;
    return route;
}

static int method_bit(const char *method)
{
    if (strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0)
        return ROUTE_GET;
    return strcmp(method, "POST") == 0 ? ROUTE_POST : 0;
}

static const char *allowed(const struct route *route)
{
    switch (route->methods) {
    case ROUTE_GET:
        return "GET, HEAD, OPTIONS";
    case ROUTE_POST:
        return "POST, OPTIONS";
    default:
        return "GET, HEAD, POST, OPTIONS";
    }
}

/* What is open may be fetched by POST-as-GET too (RFC 8555 6.3); such a POST is checked
 * like any other. */
static enum err check_open_post(struct exchange *x, struct err_info *why)
{
    TRY(gate_check(x, GATE_ACCOUNT, why));
    if (!x->post_as_get)
        return err_set(why, ERR_MALFORMED,
                       "this is fetched with GET or an empty payload (POST-as-GET)");
    return ERR_OK;
}

/* CORS preflight (Fetch standard; RFC 8555 6.1). */
static enum err answer_options(struct exchange *x, const struct route *route)
{
    exchange_header_add(x, "Allow", allowed(route));
    exchange_header_add(x, "Access-Control-Allow-Methods", allowed(route));
    exchange_header_add(x, "Access-Control-Allow-Headers", "Content-Type");
    exchange_header_add(x, "Access-Control-Max-Age", "86400");
    exchange_reply_set(x, 204, NULL);
    return ERR_OK;
}

enum err router_step(struct exchange *x, struct err_info *why)
{
    const struct route *route = find(x, &x->id);

    TRY(limit_rules_request(x->services->limits, x->arena, x->peer, why));
    if (strcmp(x->path, "*") == 0) { /* of the server as a whole (RFC 9110 9.3.7) */
        exchange_header_add(x, "Allow", "GET, HEAD, POST, OPTIONS");
        exchange_reply_set(x, 204, NULL);
        return ERR_OK;
    }
    if (route == NULL)
        return err_set(why, ERR_NOT_FOUND, "there is nothing at %.200s", x->path);
    x->name = strrchr(x->path, '/') + 1;
    if (strcmp(x->method, "OPTIONS") == 0)
        return answer_options(x, route);
    if ((route->methods & method_bit(x->method)) == 0) {
        exchange_header_add(x, "Allow", allowed(route));
        return err_set(
            why, ERR_METHOD_NOT_ALLOWED, "%.20s is not allowed here; use %s", x->method,
            route->methods == ROUTE_POST ? "POST (with an empty payload to read)"
                                         : "GET");
    }
    if (route->access == ROUTE_OPEN && strcmp(x->method, "POST") == 0)
        TRY(check_open_post(x, why));
    if (route->access == ROUTE_NEW_KEY)
        TRY(gate_check(x, GATE_NEW_KEY, why));
    if (route->access == ROUTE_ACCOUNT)
        TRY(gate_check(x, GATE_ACCOUNT, why));
    if (route->access == ROUTE_EITHER)
        TRY(gate_check(x, GATE_EITHER, why));
    return route->handler(x, why);
}

void router_finish(struct exchange *x)
{
    struct err_info ignored = {0};
    int64_t id;
    const struct route *route = find(x, &id);
    bool nonce_due = (strcmp(x->method, "POST") == 0 &&
                      (route == NULL || route->access != ROUTE_PLAIN)) ||
                     (route != NULL && route->handler == resource_new_nonce &&
                      method_bit(x->method) == ROUTE_GET);

    /* without a nonce the client asks newNonce for one */
    if (nonce_due && gate_nonce_add(x, &ignored) == ERR_OK)
        exchange_header_add(x, "Cache-Control", "no-store");
    if (route == NULL || route->handler != resource_directory)
        exchange_header_add(x, "Link",
                            arena_printf(x->arena, "<%s>;rel=\"index\"",
                                         exchange_url(x, "directory", 0)));
    exchange_header_add(x, "Access-Control-Allow-Origin", "*");
    exchange_header_add(x, "Access-Control-Expose-Headers",
                        "Link, Location, Replay-Nonce, Retry-After");
}
