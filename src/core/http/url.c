/* URLs, to the letter of RFC 3986. */
#include "core/http/url.h"

#include <string.h>

#include "core/base/text.h"
#include "core/http/http_parse.h"

#define PORT_HTTP  80
#define PORT_HTTPS 443

static uint16_t default_port(bool https)
{
    return https ? PORT_HTTPS : PORT_HTTP;
}

/* Letters, digits, hyphens, dots and underscores, at most 253; lower-cased in place. */
static bool read_name(char *host)
{
    size_t len = strlen(host);

    text_lower(host);
    return len > 0 && len <= 253 && host[0] != '.' && strstr(host, "..") == NULL &&
           strspn(host, "abcdefghijklmnopqrstuvwxyz0123456789-._") == len;
}

/* "host", "host:port", "[v6]", "[v6]:port". */
static enum err read_authority(struct arena *a, struct span text, struct url *u,
                               struct err_info *why)
{
    char *whole = arena_string_of(a, text);
    char *end = whole[0] == '[' ? strchr(whole, ']') : whole + strcspn(whole, ":");
    uint64_t port = default_port(u->https);

    if (strchr(whole, '@') != NULL)
        return err_set(why, ERR_MALFORMED, "the URL has a user name (RFC 9110 4.2.4)");
    if (end == NULL || strlen(whole) != text.len)
        return err_set(why, ERR_MALFORMED, "the URL's host is malformed");
    if (*end == ']')
        *end++ = '\0';
    const char *behind = end;
    if (*behind == ':' && behind[1] != '\0' &&
        (!text_number(span_of(behind + 1), UINT16_MAX, &port) || port == 0))
        return err_set(why, ERR_MALFORMED, "the URL's port is malformed");
    if (*behind != ':' && *behind != '\0')
        return err_set(why, ERR_MALFORMED, "the URL's host is malformed");
    u->port = (uint16_t)port;
    bool brackets = whole[0] == '[';
    *end = '\0';
    char *host = brackets ? whole + 1 : whole;
    if (address_parse(span_of(host), &u->address)) {
        if (brackets != (u->address.family == ADDRESS_V6))
            return err_set(why, ERR_MALFORMED, "the URL's host is malformed");
        char canonical[ADDRESS_TEXT_SIZE];
        address_text(&u->address, canonical);
        u->host_kind = brackets ? URL_HOST_V6 : URL_HOST_V4;
        u->host = arena_string(a, canonical);
        u->address.port = u->port;
        return ERR_OK;
    }
    if (brackets || !read_name(host))
        return err_set(why, ERR_MALFORMED, "the URL's host is malformed");
    u->host_kind = URL_HOST_NAME;
    u->host = host;
    return ERR_OK;
}

/* Path and query, from what stands behind the authority; the fragment is dropped. */
static enum err read_rest(struct arena *a, struct span text, struct url *u,
                          struct err_info *why)
{
    char *whole = arena_string_of(a, text);
    const char *path;

    if (strlen(whole) != text.len)
        return err_set(why, ERR_MALFORMED, "the URL has a NUL in it");
    whole[strcspn(whole, "#")] = '\0';
    if (whole[0] != '/')
        whole = arena_printf(a, "/%s", whole);
    if (!http_parse_target(whole, &path, &u->query))
        return err_set(why, ERR_MALFORMED,
                       "the URL's path or query has a character that must be escaped");
    u->path = path;
    return ERR_OK;
}

/* The length of "http://" or "https://" (any case) in front, 0 if it is neither. */
static size_t read_scheme(struct span text, bool *https)
{
    if (text_equal_ignoring_case(span_slice(text, 0, 8), span_of("https://"))) {
        *https = true;
        return 8;
    }
    *https = false;
    return text_equal_ignoring_case(span_slice(text, 0, 7), span_of("http://")) ? 7 : 0;
}

static size_t until(struct span text, const char *stops)
{
    size_t i = 0;

    while (i < text.len && (text.data[i] == '\0' || strchr(stops, text.data[i]) == NULL))
        i++;
    return i;
}

enum err url_parse(struct arena *a, struct span text, struct url *u, struct err_info *why)
{
    struct url read = {0};

    if (text.len > URL_MAX)
        return err_set(why, ERR_MALFORMED, "the URL has more than %d octets", URL_MAX);
    size_t scheme = read_scheme(text, &read.https);
    if (scheme == 0)
        return err_set(why, ERR_MALFORMED,
                       "the URL begins neither with http:// nor with "
                       "https://");
    struct span rest = span_slice(text, scheme, text.len);
    size_t authority = until(rest, "/?#");
    TRY(read_authority(a, span_slice(rest, 0, authority), &read, why));
    TRY(read_rest(a, span_slice(rest, authority, rest.len), &read, why));
    *u = read;
    return ERR_OK;
}

/* ---- references (RFC 3986 5.2) ---- */

/* Remove dot segments (5.2.4) from a path that begins with '/'. */
static char *without_dots(struct arena *a, const char *path)
{
    char *out = arena_get(a, strlen(path) + 2);
    size_t len = 0;

    while (*path != '\0') {
        size_t segment = 1 + strcspn(path + 1, "/");
        bool last = path[segment] == '\0';
        bool one = segment == 2 && path[1] == '.';
        bool two = segment == 3 && path[1] == '.' && path[2] == '.';
        if (two)
            while (len > 0 && out[--len] != '/')
                continue;
        if (!one && !two) {
            memcpy(out + len, path, segment);
            len += segment;
        } else if (last) {
            out[len++] = '/';
        }
        path += segment;
    }
    out[len] = '\0';
    return len > 0 ? out : arena_string(a, "/");
}

/* Does it begin with a scheme (RFC 3986 3.1)? */
static bool has_scheme(struct span s)
{
    size_t i = 0;

    while (i < s.len && ((s.data[i] | 0x20) >= 'a' && (s.data[i] | 0x20) <= 'z'))
        i++;
    if (i == 0)
        return false;
    while (i < s.len && (((s.data[i] | 0x20) >= 'a' && (s.data[i] | 0x20) <= 'z') ||
                         (s.data[i] >= '0' && s.data[i] <= '9') || s.data[i] == '+' ||
                         s.data[i] == '-' || s.data[i] == '.'))
        i++;
    return i < s.len && s.data[i] == ':';
}

/* The base's path up to its last '/', with the reference's path behind it (5.2.3). */
static char *merge(struct arena *a, const char *base, const char *path)
{
    const char *slash = strrchr(base, '/');

    return arena_printf(a, "%.*s%s", slash == NULL ? 0 : (int)(slash - base + 1), base,
                        path);
}

enum err url_join(struct arena *a, const struct url *base, struct span reference,
                  struct url *u, struct err_info *why)
{
    struct url read = *base;

    if (reference.len > URL_MAX ||
        memchr(reference.data != NULL ? reference.data : (const uint8_t *)"", '\0',
               reference.len) != NULL)
        return err_set(why, ERR_MALFORMED, "the URL has a NUL or more than %d octets",
                       URL_MAX);
    if (has_scheme(reference)) {
        TRY(url_parse(a, reference, &read, why));
        read.path = without_dots(a, read.path);
        *u = read;
        return ERR_OK;
    }
    struct span rest = reference;
    bool authority = rest.len >= 2 && rest.data[0] == '/' && rest.data[1] == '/';
    if (authority) {
        rest = span_slice(rest, 2, rest.len);
        size_t len = until(rest, "/?#");
        TRY(read_authority(a, span_slice(rest, 0, len), &read, why));
        rest = span_slice(rest, len, rest.len);
    }
    char *text = arena_string_of(a, rest);
    text[strcspn(text, "#")] = '\0';
    size_t path_len = strcspn(text, "?");
    const char *query = text[path_len] == '?' ? text + path_len : NULL;
    char *path = arena_string_of(a, span_make(text, path_len));
    if (path_len == 0 && !authority) {
        path = arena_string(a, base->path);
        if (query == NULL && base->query != NULL)
            query = arena_printf(a, "?%s", base->query);
    } else if (path_len == 0) {
        path = arena_string(a, "/");
    } else {
        if (path[0] != '/')
            path = merge(a, base->path, path);
        path = without_dots(a, path);
    }
    TRY(read_rest(a, span_of(arena_printf(a, "%s%s", path, query != NULL ? query : "")),
                  &read, why));
    *u = read;
    return ERR_OK;
}

/* ---- out ---- */

char *url_authority(struct arena *a, const struct url *u)
{
    const char *open = u->host_kind == URL_HOST_V6 ? "[" : "";
    const char *close = u->host_kind == URL_HOST_V6 ? "]" : "";

    if (u->port == default_port(u->https))
        return arena_printf(a, "%s%s%s", open, u->host, close);
    return arena_printf(a, "%s%s%s:%u", open, u->host, close, u->port);
}

char *url_target(struct arena *a, const struct url *u)
{
    if (u->query == NULL)
        return arena_string(a, u->path);
    return arena_printf(a, "%s?%s", u->path, u->query);
}

char *url_text(struct arena *a, const struct url *u)
{
    return arena_printf(a, "%s://%s%s", u->https ? "https" : "http", url_authority(a, u),
                        url_target(a, u));
}

bool url_same_origin(const struct url *a, const struct url *b)
{
    return a->https == b->https && a->port == b->port && strcmp(a->host, b->host) == 0;
}
