/* libcurl's multi interface on our loop. */
#include "core/http/http_fetch.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/buf.h"
#include "core/base/memory.h"
#include "core/base/text.h"

struct http_fetcher {
    struct loop *loop;
    CURLM *multi;
    struct loop_timer *timer;
};

struct http_fetch {
    struct http_fetcher *fetcher;
    struct arena *arena;
    CURL *easy;
    struct curl_slist *pin;
    struct curl_slist *headers;
    struct buf body;
    size_t head;
    bool cut;
    bool foreign; /* a status line of something that is not HTTP/1 */
    char error[CURL_ERROR_SIZE];
    void (*done)(void *argument, const struct http_fetch_result *result);
    void *argument;
};

/* ---- the end of a fetch ---- */

static void fetch_free(struct http_fetch *fetch)
{
    (void)curl_multi_remove_handle(fetch->fetcher->multi, fetch->easy);
    curl_easy_cleanup(fetch->easy);
    curl_slist_free_all(fetch->pin);
    curl_slist_free_all(fetch->headers);
    buf_free(&fetch->body);
    arena_free(fetch->arena);
    free(fetch);
}

static enum err code_of(CURLcode code)
{
    switch (code) {
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_PEER_FAILED_VERIFICATION:
        return ERR_TLS;
    default:
        return ERR_CONNECTION;
    }
}

static const char *phrase_of(struct http_fetch *fetch, CURLcode code, bool dialled)
{
    long os_error = 0;

    switch (code) {
    case CURLE_COULDNT_CONNECT:
        (void)curl_easy_getinfo(fetch->easy, CURLINFO_OS_ERRNO, &os_error);
        return os_error != 0 ? strerror((int)os_error) : "cannot connect";
    case CURLE_OPERATION_TIMEDOUT:
        return !dialled           ? "no connection in time"
               : fetch->head == 0 ? "no answer in time"
                                  : "the answer did not end in time";
    case CURLE_GOT_NOTHING:
        return "the connection was closed without an answer";
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
        return "the connection broke";
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_UNSUPPORTED_PROTOCOL:
        return "the answer is not HTTP";
    case CURLE_WRITE_ERROR: /* on_header took no more */
        return fetch->foreign ? "the answer is not HTTP"
                              : "the headers of the answer are too long";
    default:
        return fetch->error[0] != '\0' ? fetch->error : curl_easy_strerror(code);
    }
}

/* Was there a connection? libcurl 7.88 notes its time only when TLS stands as well, but
 * the peer's address at once. */
static bool was_dialled(struct http_fetch *fetch)
{
    curl_off_t connected_us = 0;
    const char *peer = NULL;

    (void)curl_easy_getinfo(fetch->easy, CURLINFO_CONNECT_TIME_T, &connected_us);
    (void)curl_easy_getinfo(fetch->easy, CURLINFO_PRIMARY_IP, &peer);
    return connected_us > 0 || (peer != NULL && peer[0] != '\0');
}

static void finish(struct http_fetch *fetch, CURLcode code)
{
    struct http_fetch_result result = {.code = ERR_OK, .detail = ""};
    long status = 0;
    struct curl_header *location = NULL;

    (void)curl_easy_getinfo(fetch->easy, CURLINFO_RESPONSE_CODE, &status);
    result.dialled = was_dialled(fetch);
    result.status = (int)status;
    /* a body cut off by us ends the transfer with a write error */
    if (code != CURLE_OK && !(code == CURLE_WRITE_ERROR && fetch->cut)) {
        result.code = code_of(code);
        text_make_printable(fetch->error);
        result.detail = phrase_of(fetch, code, result.dialled);
    } else if (status < 100 || status > 999) {
        /* "HTTP/20x 301", "HTTP/2843170x": what libcurl sees there is no status */
        result.code = ERR_CONNECTION;
        result.detail = phrase_of(fetch, CURLE_WEIRD_SERVER_REPLY, true);
    }
    /* libcurl 7.88 leaves line ends in a value that was empty and then folded (RFC
     * 9112 5.2 lets us refuse those) */
    if (curl_easy_header(fetch->easy, "Location", 0, CURLH_HEADER, -1, &location) ==
            CURLHE_OK &&
        strpbrk(location->value, "\r\n") == NULL)
        result.location = location->value;
    result.body = buf_span(&fetch->body);
    result.cut = fetch->cut;
    fetch->done(fetch->argument, &result);
    fetch_free(fetch);
}

static void collect(struct http_fetcher *f)
{
    struct CURLMsg *m;
    int left = 0;

    while ((m = curl_multi_info_read(f->multi, &left)) != NULL) {
        void *fetch = NULL;
        if (m->msg != CURLMSG_DONE)
            continue;
        CURLcode code = m->data.result;
        (void)curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &fetch);
        finish(fetch, code);
    }
}

/* ---- between libcurl and the loop ---- */

struct watched {
    struct http_fetcher *fetcher;
    curl_socket_t fd;
    struct loop_fd *watch;
};

static void on_socket(void *argument, int events)
{
    struct watched *w = argument;
    struct http_fetcher *f = w->fetcher;
    int running = 0;
    int mask = 0;

    if ((events & LOOP_READ) != 0)
        mask |= CURL_CSELECT_IN;
    if ((events & LOOP_WRITE) != 0)
        mask |= CURL_CSELECT_OUT;
    (void)curl_multi_socket_action(f->multi, w->fd, mask, &running);
    collect(f);
}

static int socket_wanted(CURL *easy, curl_socket_t fd, int what, void *context,
                         void *socket_context)
{
    struct http_fetcher *f = context;
    struct watched *w = socket_context;

    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        if (w != NULL)
            loop_fd_free(w->watch);
        free(w);
        (void)curl_multi_assign(f->multi, fd, NULL);
        return 0;
    }
    if (w == NULL) {
        w = memory_get_zeroed(1, sizeof *w);
        w->fetcher = f;
        w->fd = fd;
        w->watch = loop_fd_new(f->loop, fd, on_socket, w);
        (void)curl_multi_assign(f->multi, fd, w);
    }
    loop_fd_want(w->watch, ((what & CURL_POLL_IN) != 0 ? LOOP_READ : 0) |
                               ((what & CURL_POLL_OUT) != 0 ? LOOP_WRITE : 0));
    return 0;
}

static int timer_wanted(CURLM *multi, long milliseconds, void *context)
{
    struct http_fetcher *f = context;

    (void)multi;
    if (milliseconds < 0)
        loop_timer_clear(f->timer);
    else
        loop_timer_set(f->timer, milliseconds);
    return 0;
}

static void on_timer(void *argument)
{
    struct http_fetcher *f = argument;
    int running = 0;

    (void)curl_multi_socket_action(f->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    collect(f);
}

enum err http_fetcher_new(struct loop *loop, struct http_fetcher **f,
                          struct err_info *why)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return err_set(why, ERR_INTERNAL, "libcurl cannot be used");
    struct http_fetcher *made = memory_get_zeroed(1, sizeof *made);
    made->loop = loop;
    made->multi = curl_multi_init();
    if (made->multi == NULL) {
        free(made);
        return err_set(why, ERR_INTERNAL, "libcurl gives no handle");
    }
    made->timer = loop_timer_new(loop, on_timer, made);
    (void)curl_multi_setopt(made->multi, CURLMOPT_SOCKETFUNCTION, socket_wanted);
    (void)curl_multi_setopt(made->multi, CURLMOPT_SOCKETDATA, made);
    (void)curl_multi_setopt(made->multi, CURLMOPT_TIMERFUNCTION, timer_wanted);
    (void)curl_multi_setopt(made->multi, CURLMOPT_TIMERDATA, made);
    (void)curl_multi_setopt(made->multi, CURLMOPT_PIPELINING, CURLPIPE_NOTHING);
    *f = made;
    return ERR_OK;
}

void http_fetcher_free(struct http_fetcher *f)
{
    if (f == NULL)
        return;
    (void)curl_multi_cleanup(f->multi);
    loop_timer_free(f->timer);
    free(f);
}

/* ---- a fetch ---- */

static size_t on_body(char *data, size_t size, size_t count, void *context)
{
    struct http_fetch *fetch = context;
    size_t len = size * count;
    size_t room = fetch->body.max - fetch->body.len;

    buf_add(&fetch->body, data, len < room ? len : room);
    if (len <= room)
        return len;
    fetch->cut = true;
    return 0; /* ends the transfer */
}

/* "HTTP/1.1 200 OK" is here, too; no field has a slash in its name. RFC 9112 2.3 has one
 * digit on each side of the dot; libcurl 8.14 takes "HTTP/20 301" as well. */
static bool is_foreign(struct span line)
{
    return line.len >= 5 && memcmp(line.data, "HTTP/", 5) == 0 &&
           (line.len < 9 || memcmp(line.data, "HTTP/1.", 7) != 0 || line.data[8] != ' ');
}

static size_t on_header(char *data, size_t size, size_t count, void *context)
{
    struct http_fetch *fetch = context;

    fetch->head += size * count;
    fetch->foreign = fetch->foreign || is_foreign(span_make(data, size * count));
    return fetch->head > HTTP_FETCH_HEAD_MAX || fetch->foreign ? 0 : size * count;
}

/* To libcurl 0 means: no limit. */
static long at_least_1(int64_t milliseconds)
{
    return milliseconds > 0 ? (long)milliseconds : 1;
}

/* A server that is known by its name: only by these roots, whatever the system trusts. */
static void set_trust(struct http_fetch *fetch, struct span roots)
{
    CURL *e = fetch->easy;
    struct curl_blob blob = {(void *)(uintptr_t)roots.data, roots.len, CURL_BLOB_COPY};

    (void)curl_easy_setopt(e, CURLOPT_FORBID_REUSE, 0L);
    (void)curl_easy_setopt(e, CURLOPT_FRESH_CONNECT, 0L);
    (void)curl_easy_setopt(e, CURLOPT_SSL_VERIFYPEER, 1L);
    (void)curl_easy_setopt(e, CURLOPT_SSL_VERIFYHOST, 2L);
    (void)curl_easy_setopt(e, CURLOPT_CAPATH, NULL);
    (void)curl_easy_setopt(e, CURLOPT_CAINFO_BLOB, &blob);
}

static void set_body(struct http_fetch *fetch, struct span json)
{
    CURL *e = fetch->easy;

    fetch->headers = curl_slist_append(fetch->headers, "Content-Type: application/json");
    fetch->headers = curl_slist_append(fetch->headers, "Expect:");
    (void)curl_easy_setopt(e, CURLOPT_HTTPHEADER, fetch->headers);
    (void)curl_easy_setopt(e, CURLOPT_POST, 1L);
    (void)curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)json.len);
    (void)curl_easy_setopt(e, CURLOPT_COPYPOSTFIELDS, json.data);
}

static void set_options(struct http_fetch *fetch, const struct http_fetch_request *r)
{
    CURL *e = fetch->easy;
    char to[ADDRESS_TEXT_SIZE];

    address_text_with_port(&r->to, to);
    fetch->pin = curl_slist_append(NULL, arena_printf(fetch->arena, "::%s", to));
    if (r->host != NULL)
        fetch->headers =
            curl_slist_append(NULL, arena_printf(fetch->arena, "Host: %s", r->host));
    (void)curl_easy_setopt(e, CURLOPT_HTTPHEADER, fetch->headers);
    (void)curl_easy_setopt(e, CURLOPT_URL, url_text(fetch->arena, r->url));
    (void)curl_easy_setopt(e, CURLOPT_CONNECT_TO, fetch->pin);
    (void)curl_easy_setopt(e, CURLOPT_PRIVATE, fetch);
    (void)curl_easy_setopt(e, CURLOPT_PROXY, "");
    (void)curl_easy_setopt(e, CURLOPT_NOPROXY, "*");
    (void)curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
    (void)curl_easy_setopt(e, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
    (void)curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(e, CURLOPT_FORBID_REUSE, 1L);
    (void)curl_easy_setopt(e, CURLOPT_FRESH_CONNECT, 1L);
    (void)curl_easy_setopt(e, CURLOPT_SSL_VERIFYPEER, 0L);
    (void)curl_easy_setopt(e, CURLOPT_SSL_VERIFYHOST, 0L);
    (void)curl_easy_setopt(e, CURLOPT_SSL_SESSIONID_CACHE, 0L);
    (void)curl_easy_setopt(e, CURLOPT_HTTP09_ALLOWED, 0L);
    (void)curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, at_least_1(r->timeout_ms));
    (void)curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, at_least_1(r->dial_ms));
    (void)curl_easy_setopt(e, CURLOPT_USERAGENT, r->user_agent);
    (void)curl_easy_setopt(e, CURLOPT_ERRORBUFFER, fetch->error);
    (void)curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
    (void)curl_easy_setopt(e, CURLOPT_WRITEDATA, fetch);
    (void)curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header);
    (void)curl_easy_setopt(e, CURLOPT_HEADERDATA, fetch);
}

struct http_fetch *
http_fetch_start(struct http_fetcher *f, const struct http_fetch_request *request,
                 void (*done)(void *argument, const struct http_fetch_result *result),
                 void *argument)
{
    struct http_fetch *fetch = memory_get_zeroed(1, sizeof *fetch);

    fetch->fetcher = f;
    fetch->arena = arena_new();
    fetch->body = buf_make(request->body_max);
    fetch->done = done;
    fetch->argument = argument;
    /* A handle of its own: libcurl 7.88 remembers the last header of an earlier response
     * even after a reset, and an answer that begins with a folded line is then written
     * into memory that was freed. It costs a microsecond. */
    fetch->easy = curl_easy_init();
    if (fetch->easy == NULL)
        abort(); /* out of memory, as everywhere */
    set_options(fetch, request);
    if (request->json.len > 0)
        set_body(fetch, request->json);
    if (request->trust.len > 0)
        set_trust(fetch, request->trust);
    (void)curl_multi_add_handle(f->multi, fetch->easy);
    return fetch;
}

const char *http_fetch_system_roots(void)
{
    return curl_version_info(CURLVERSION_NOW)->cainfo;
}

void http_fetch_cancel(struct http_fetch *fetch)
{
    fetch_free(fetch);
}
