/* One kept-alive HTTPS connection, blocking. */
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/http/http_body.h"
#include "core/http/http_parse.h"
#include "core/net/socket.h"
#include "issue.h"

#define OUT_MAX     (256 * 1024)
#define IN_MAX      (1024 * 1024)
#define READ_OCTETS (16 * 1024)
#define WAIT_MS     60000

static const struct http_parse_limits limits = {
    .head_octets = 32 * 1024, .header_count = 100, .target_octets = 2048};

static bool wait_for(int fd, enum tls_result result)
{
    struct pollfd p = {.fd = fd, .events = result == TLS_WANT_WRITE ? POLLOUT : POLLIN};

    return (result == TLS_WANT_READ || result == TLS_WANT_WRITE) &&
           poll(&p, 1, WAIT_MS) > 0;
}

void issue_http_close(struct issue_connection *c)
{
    tls_connection_free(c->tls);
    if (c->fd > 0)
        (void)close(c->fd);
    c->tls = NULL;
    c->fd = -1;
    buf_clear(&c->in);
}

static enum err dial(struct issue_connection *c, struct err_info *why)
{
    enum tls_result result;

    if (c->in.max == 0) {
        c->in = buf_make(IN_MAX);
        c->out = buf_make(OUT_MAX);
    }
    TRY(socket_connect_begin(&c->address, &c->fd, why));
    if (!wait_for(c->fd, TLS_WANT_WRITE))
        return err_set(why, ERR_NETWORK, "no connection in time");
    TRY(socket_connect_end(c->fd, why));
    TRY(tls_connection_connect(c->tls_context, c->fd, c->host, &c->tls, why));
    while ((result = tls_connection_handshake(c->tls, why)) != TLS_DONE)
        if (!wait_for(c->fd, result))
            return err_set(why, ERR_NETWORK, "the TLS handshake failed");
    /* from here on reads and writes block: one system call where there were three */
    if (fcntl(c->fd, F_SETFL, 0) != 0)
        return err_set(why, ERR_NETWORK, "cannot make the connection block");
    return ERR_OK;
}

static enum err send_all(struct issue_connection *c, struct err_info *why)
{
    struct span rest = buf_span(&c->out);

    while (rest.len > 0) {
        size_t len = 0;
        enum tls_result result = tls_connection_write(c->tls, rest, &len, why);
        if (result == TLS_DONE)
            rest = span_slice(rest, len, rest.len);
        else if (!wait_for(c->fd, result))
            return err_set(why, ERR_NETWORK, "the connection broke while sending");
    }
    return ERR_OK;
}

static enum err read_more(struct issue_connection *c, struct err_info *why)
{
    uint8_t *to = buf_reserve(&c->in, READ_OCTETS);
    enum tls_result result;
    size_t len = 0;

    if (to == NULL)
        return err_set(why, ERR_NETWORK, "the answer is too large");
    while ((result = tls_connection_read(c->tls, to, READ_OCTETS, &len, why)) != TLS_DONE)
        if (!wait_for(c->fd, result))
            return err_set(why, ERR_NETWORK, "the connection was closed");
    c->in.len += len;
    return ERR_OK;
}

static enum err read_head(struct issue_connection *c, struct arena *a,
                          enum http_method method, struct http_response_head *head,
                          struct err_info *why)
{
    struct http_scan scan = {0};
    struct http_refusal no;
    enum http_parse_result result;
    size_t len = 0;

    while ((result = http_parse_scan(&scan, buf_span(&c->in), &limits, &len, &no)) ==
           HTTP_PARSE_MORE)
        TRY(read_more(c, why));
    if (result == HTTP_PARSE_DONE)
        result = http_parse_response(a, span_slice(buf_span(&c->in), 0, len), &limits,
                                     method, head, &no);
    if (result != HTTP_PARSE_DONE)
        return err_set(why, ERR_NETWORK, "bad answer: %s", no.detail);
    buf_drop(&c->in, len);
    return ERR_OK;
}

static enum err read_body(struct issue_connection *c, struct arena *a,
                          const struct http_response_head *head, struct span *body,
                          struct err_info *why)
{
    AUTO(buf) struct buf b = buf_make(IN_MAX);
    struct http_body state = http_body_begin(head->framing, head->content_length);
    struct http_refusal no;

    for (;;) {
        size_t used = 0;
        enum http_parse_result result =
            http_body_feed(&state, buf_span(&c->in), &b, &used, &no);
        buf_drop(&c->in, used);
        if (result == HTTP_PARSE_DONE)
            break;
        if (result == HTTP_PARSE_REFUSED)
            return err_set(why, ERR_NETWORK, "bad answer: %s", no.detail);
        TRY(read_more(c, why));
    }
    *body = arena_span(a, buf_span(&b));
    return ERR_OK;
}

static enum err exchange(struct issue_connection *c, struct arena *a, const char *method,
                         const char *path, struct span body,
                         struct issue_response *response, struct err_info *why)
{
    struct http_response_head head;

    buf_clear(&c->out);
    buf_printf(&c->out, "%s %s HTTP/1.1\r\nHost: %s:%u\r\nUser-Agent: bench\r\n", method,
               path, c->host, c->port);
    if (body.len > 0)
        buf_printf(&c->out,
                   "Content-Type: application/jose+json\r\nContent-Length: %zu\r\n",
                   body.len);
    buf_add_text(&c->out, "\r\n");
    buf_add_span(&c->out, body);
    TRY(send_all(c, why));
    TRY(read_head(c, a, http_message_method(span_of(method)), &head, why));
    TRY(read_body(c, a, &head, &response->body, why));
    response->status = head.status;
    response->nonce = http_message_find(head.headers, head.header_count, "Replay-Nonce");
    response->location = http_message_find(head.headers, head.header_count, "Location");
    if (!head.keep_alive)
        issue_http_close(c);
    return ERR_OK;
}

enum err issue_http_do(struct issue_connection *c, struct arena *a, const char *method,
                       const char *path, struct span body,
                       struct issue_response *response, struct err_info *why)
{
    enum err result = ERR_OK;

    if (c->tls == NULL)
        result = dial(c, why);
    if (result == ERR_OK)
        result = exchange(c, a, method, path, body, response, why);
    if (result != ERR_OK)
        issue_http_close(c);
    return result;
}
