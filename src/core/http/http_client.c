/* libcurl's easy interface, one handle at a time. */
#include "core/http/http_client.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/buf.h"
#include "core/base/clock.h"
#include "core/base/interrupt.h"
#include "core/base/memory.h"
#include "core/base/text.h"

#define LINKS_MAX       16
#define NAME_MAX_OCTETS 200

struct http_client {
    CURLSH *share; /* keeps the connections */
    CURL *easy;    /* of the request that was made last, or NULL */
    char error[CURL_ERROR_SIZE];
    uint8_t *roots; /* PEM, NULL: the system's */
    size_t roots_len;
    char *user_agent;
    int64_t took_ms;   /* that request, until it ended, one way or the other */
    bool headers_done; /* the blank line behind them has come */
};

/* The program and this library, as RFC 8555 6.1 wants both. */
static char *full_name(const char *program)
{
    AUTO(buf) struct buf b = buf_make(NAME_MAX_OCTETS);

    buf_printf(&b, "%s libcurl/%s", program, curl_version_info(CURLVERSION_NOW)->version);
    buf_add_octet(&b, 0);
    return memory_copy_string((const char *)b.data);
}

enum err http_client_new(struct span roots, const char *user_agent,
                         struct http_client **c, struct err_info *why)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return err_set(why, ERR_INTERNAL, "libcurl cannot be used");
    struct http_client *made = memory_get_zeroed(1, sizeof *made);
    made->share = curl_share_init();
    if (made->share == NULL || curl_share_setopt(made->share, CURLSHOPT_SHARE,
                                                 CURL_LOCK_DATA_CONNECT) != CURLSHE_OK)
        abort(); /* out of memory, as everywhere */
    if (roots.len > 0) {
        made->roots = memory_get(roots.len);
        memcpy(made->roots, roots.data, roots.len);
        made->roots_len = roots.len;
    }
    made->user_agent = full_name(user_agent);
    *c = made;
    return ERR_OK;
}

void http_client_free(struct http_client *c)
{
    if (c == NULL)
        return;
    curl_easy_cleanup(c->easy);
    (void)curl_share_cleanup(c->share);
    free(c->roots);
    free(c->user_agent);
    free(c);
}

static size_t on_body(char *data, size_t size, size_t count, void *context)
{
    struct buf *body = context;

    buf_add(body, data, size * count);
    return body->failed ? 0 : size * count;
}

/* libcurl takes headers that break off with the connection for all there are. */
static size_t on_header(char *line, size_t size, size_t count, void *context)
{
    struct http_client *c = context;
    size_t len = size * count;

    c->headers_done =
        (len == 2 && memcmp(line, "\r\n", 2) == 0) || (len == 1 && line[0] == '\n');
    return len;
}

/* Ends the transfer when a signal has come; called at least once a second. */
static int on_progress(void *context, curl_off_t d, curl_off_t dn, curl_off_t u,
                       curl_off_t un)
{
    (void)context;
    (void)d;
    (void)dn;
    (void)u;
    (void)un;
    return interrupt_signal() != 0;
}

/* A handle for each request: libcurl 7.88 remembers the last header of an earlier
 * response even after a reset, and an answer that begins with a folded line is then
 * written into memory that was freed. */
static CURL *fresh_handle(struct http_client *c)
{
    curl_easy_cleanup(c->easy);
    c->easy = curl_easy_init();
    if (c->easy == NULL)
        abort(); /* out of memory, as everywhere */
    (void)curl_easy_setopt(c->easy, CURLOPT_SHARE, c->share);
    return c->easy;
}

static void set_options(struct http_client *c, const struct http_client_request *r,
                        struct buf *body)
{
    CURL *e = fresh_handle(c);
    int64_t dial_ms = HTTP_CLIENT_DIAL_MS;

    int64_t timeout_ms = r->timeout_ms > 0 ? r->timeout_ms : HTTP_CLIENT_TIMEOUT_MS;
    if (dial_ms > timeout_ms)
        dial_ms = timeout_ms;

    (void)curl_easy_setopt(e, CURLOPT_URL, r->url);
    (void)curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR,
                           r->allows_http ? "https,http" : "https");
    if (r->login != NULL) {
        (void)curl_easy_setopt(e, CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
        (void)curl_easy_setopt(e, CURLOPT_USERPWD, r->login);
    }
    (void)curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(e, CURLOPT_USERAGENT, c->user_agent);
    (void)curl_easy_setopt(e, CURLOPT_ERRORBUFFER, c->error);
    (void)curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, (long)timeout_ms);
    (void)curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, (long)dial_ms);
    c->headers_done = false;
    (void)curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header);
    (void)curl_easy_setopt(e, CURLOPT_HEADERDATA, c);
    (void)curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
    (void)curl_easy_setopt(e, CURLOPT_WRITEDATA, body);
    (void)curl_easy_setopt(e, CURLOPT_NOPROGRESS, 0L);
    (void)curl_easy_setopt(e, CURLOPT_XFERINFOFUNCTION, on_progress);
    if (c->roots != NULL) {
        struct curl_blob blob = {c->roots, c->roots_len, CURL_BLOB_NOCOPY};
        (void)curl_easy_setopt(e, CURLOPT_CAINFO, NULL);
        (void)curl_easy_setopt(e, CURLOPT_CAPATH, NULL);
        (void)curl_easy_setopt(e, CURLOPT_CAINFO_BLOB, &blob);
    }
}

static const char *header(CURL *e, struct arena *a, const char *name)
{
    struct curl_header *h = NULL;

    if (curl_easy_header(e, name, 0, CURLH_HEADER, -1, &h) != CURLHE_OK)
        return NULL;
    return arena_string(a, h->value);
}

static void take_links(CURL *e, struct arena *a, struct http_client_response *r)
{
    const char **links = arena_array(a, LINKS_MAX, sizeof *links);
    struct curl_header *h = NULL;

    for (size_t i = 0; i < LINKS_MAX; i++) {
        if (curl_easy_header(e, "Link", i, CURLH_HEADER, -1, &h) != CURLHE_OK)
            break;
        links[r->link_count++] = arena_string(a, h->value);
    }
    r->links = links;
}

/* By the time it is: of a certificate, or of this machine's clock. */
static enum err explain_trust(const char *error, const char *host, int host_len,
                              struct err_info *why)
{
    char now[CLOCK_TEXT_SIZE];

    if (strstr(error, "has expired") == NULL && strstr(error, "not yet valid") == NULL)
        return err_set(why, ERR_TLS,
                       "the certificate of %.*s is not trusted (%s); --ca-file names the "
                       "root of a private CA",
                       host_len, host, error);
    clock_text(now, clock_now());
    return err_set(why, ERR_TLS,
                   "the certificate of %.*s is not trusted (%s); if this machine's clock "
                   "is wrong, which says %s, set it",
                   host_len, host, error, now);
}

static enum err explain(struct http_client *c, CURLcode code, const char *url,
                        struct err_info *why)
{
    const char *host = strstr(url, "://");
    int host_len = host != NULL ? (int)(host - url + 3 + (long)strcspn(host + 3, "/"))
                                : (int)strlen(url);

    text_make_printable(c->error);
    switch (code) {
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_URL_MALFORMAT:
        return err_set(why, ERR_USAGE, "%.200s is no https URL", url);
    case CURLE_PEER_FAILED_VERIFICATION:
        return explain_trust(c->error, url, host_len, why);
    case CURLE_ABORTED_BY_CALLBACK:
        return err_set(why, ERR_INTERRUPTED, "interrupted");
    case CURLE_SEND_FAIL_REWIND:
        return err_set(why, ERR_NETWORK, "%.*s broke the connection off", host_len, url);
    case CURLE_SSL_CACERT_BADFILE:
        return err_set(why, ERR_CONFIG, "the CA file%s is no PEM certificate",
                       c->roots != NULL ? "" : " of the system");
    case CURLE_WRITE_ERROR:
        return err_set(why, ERR_PROTOCOL, "%.*s sent more than %d octets", host_len, url,
                       HTTP_CLIENT_BODY_MAX);
    case CURLE_OPERATION_TIMEDOUT:
        return err_set(why, ERR_NETWORK, "%.*s did not answer in %lld s: %s", host_len,
                       url, (long long)((c->took_ms + 500) / 1000), c->error);
    default:
        return err_set(why, ERR_NETWORK, "cannot reach %.*s: %s", host_len, url,
                       c->error[0] != '\0' ? c->error : curl_easy_strerror(code));
    }
}

/* A body on its way. */
struct upload {
    struct span left;
};

static size_t on_upload(char *to, size_t size, size_t count, void *context)
{
    struct upload *u = context;
    size_t len = size * count < u->left.len ? size * count : u->left.len;

    if (len > 0)
        memcpy(to, u->left.data, len);
    u->left = span_slice(u->left, len, u->left.len);
    return len;
}

/* libcurl makes a request again by itself when a connection that it kept breaks off under
 * it. What is signed must not be sent twice, as its nonce is used up (RFC 8555 6.5): who
 * asked learns of it, and signs again. */
static int on_rewind(void *context, curl_off_t offset, int origin)
{
    (void)context;
    (void)offset;
    (void)origin;
    return CURL_SEEKFUNC_FAIL;
}

static void set_body(CURL *e, const struct http_client_request *r, struct upload *u)
{
    *u = (struct upload){r->body};
    (void)curl_easy_setopt(e, CURLOPT_POST, 1L);
    (void)curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body.len);
    (void)curl_easy_setopt(e, CURLOPT_READFUNCTION, on_upload);
    (void)curl_easy_setopt(e, CURLOPT_READDATA, u);
    (void)curl_easy_setopt(e, CURLOPT_SEEKFUNCTION, on_rewind);
}

static CURLcode perform(struct http_client *c, struct arena *a,
                        const struct http_client_request *r)
{
    CURL *e = c->easy;
    struct upload upload = {{NULL, 0}};
    struct curl_slist *headers = curl_slist_append(NULL, "Accept-Language: en");

    if (strcmp(r->method, "HEAD") == 0) {
        (void)curl_easy_setopt(e, CURLOPT_NOBODY, 1L);
    } else if (r->content_type != NULL) {
        headers = curl_slist_append(headers,
                                    arena_printf(a, "Content-Type: %s", r->content_type));
        headers = curl_slist_append(headers, "Expect:");
        set_body(e, r, &upload);
    }
    for (const char *const *h = r->headers; h != NULL && *h != NULL; h++)
        headers = curl_slist_append(headers, *h);
    (void)curl_easy_setopt(e, CURLOPT_HTTPHEADER, headers);
    int64_t begin_us = clock_monotonic_us();
    CURLcode code = curl_easy_perform(e);
    c->took_ms = (clock_monotonic_us() - begin_us) / 1000;
    curl_slist_free_all(headers);
    return code;
}

enum err http_client_do(struct http_client *c, struct arena *a, const char *method,
                        const char *url, const char *content_type, struct span body,
                        struct http_client_response *response, struct err_info *why)
{
    const struct http_client_request request = {
        .method = method, .url = url, .content_type = content_type, .body = body};

    return http_client_send(c, a, &request, response, why);
}

static bool is_allowed(const struct http_client_request *r)
{
    return strncmp(r->url, "https://", 8) == 0 ||
           (r->allows_http && strncmp(r->url, "http://", 7) == 0);
}

enum err http_client_send(struct http_client *c, struct arena *a,
                          const struct http_client_request *request,
                          struct http_client_response *response, struct err_info *why)
{
    AUTO(buf) struct buf received = buf_make(HTTP_CLIENT_BODY_MAX);
    long status = 0;

    c->error[0] = '\0';
    if (!is_allowed(request))
        return err_set(why, ERR_USAGE, "%.200s is no https URL", request->url);
    set_options(c, request, &received);
    CURLcode code = perform(c, a, request);
    if (code != CURLE_OK)
        return explain(c, code, request->url, why);
    if (!c->headers_done)
        return err_set(why, ERR_NETWORK, "the answer of %.200s broke off", request->url);
    (void)curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status);
    struct http_client_response r = {.status = (int)status};
    r.body = arena_span(a, buf_span(&received));
    r.content_type = header(c->easy, a, "Content-Type");
    r.location = header(c->easy, a, "Location");
    r.replay_nonce = header(c->easy, a, "Replay-Nonce");
    r.retry_after = header(c->easy, a, "Retry-After");
    r.date = header(c->easy, a, "Date");
    take_links(c->easy, a, &r);
    *response = r;
    return ERR_OK;
}
