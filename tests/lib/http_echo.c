/* A server that says what it was asked, for load and live tests of the HTTP server:
 * http_echo PORT [CHAIN.pem KEY.pem] [LIMIT=VALUE]... Prints "listening PORT". A path
 * that begins with /later is answered by another thread, 50 ms later. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/base/file.h"
#include "core/base/text.h"
#include "core/http/http_server.h"
#include "core/net/socket.h"

static struct http_server *server;

static void answer(struct http_request *r)
{
    struct http_reply reply = {.status = 200};

    http_reply_header(&reply, "Content-Type", "text/plain");
    reply.body =
        span_of(arena_printf(r->arena, "%s %s %zu\n%.*s", r->method_text, r->path,
                             r->body.len, (int)r->body.len, (const char *)r->body.data));
    http_server_reply(server, r, &reply);
}

static void *later(void *argument)
{
    const struct timespec pause = {.tv_nsec = 50 * 1000000L};

    (void)nanosleep(&pause, NULL);
    answer(argument);
    return NULL;
}

static void on_request(void *context, struct http_request *r)
{
    pthread_t thread;

    (void)context;
    if (strncmp(r->path, "/later", 6) == 0 &&
        pthread_create(&thread, NULL, later, r) == 0) {
        (void)pthread_detach(thread);
        return;
    }
    answer(r);
}

/* "head_ms=200": a row of http_server_limits.def. */
static enum err set_limit(struct http_server_limits *l, const char *text,
                          struct err_info *why)
{
    const char *equals = strchr(text, '=');
    struct span name = span_make(text, equals != NULL ? (size_t)(equals - text) : 0);
    uint64_t number = 0;

    if (equals == NULL || !text_number(span_of(equals + 1), INT32_MAX, &number))
        return err_set(why, ERR_USAGE, "%s is not LIMIT=VALUE", text);
#define HTTP_SERVER_LIMIT(row, value, comment)                                           \
    if (span_is(name, #row)) {                                                           \
        l->row = (int64_t)number;                                                        \
        return ERR_OK;                                                                   \
    }
#include "core/http/http_server_limits.def"
#undef HTTP_SERVER_LIMIT
    return err_set(why, ERR_USAGE, "there is no limit %s", text);
}

static enum err begin(int argc, char **argv, struct err_info *why)
{
    AUTO(arena) struct arena *a = arena_new();
    const struct http_server_callbacks callbacks = {.on_request = on_request};
    struct tls_server_options options = {.alpn = {TLS_ALPN_H2, TLS_ALPN_HTTP_1_1}};
    struct tls_context *context = NULL;
    struct http_server_limits limits = http_server_limits_default();
    bool tls = argc > 3 && strchr(argv[2], '=') == NULL;
    struct address address;
    uint64_t port = 0;
    int fd = -1;

    if (argc < 2 || !text_number(span_of(argv[1]), UINT16_MAX, &port))
        return err_set(why, ERR_USAGE, "usage: http_echo PORT [CHAIN KEY]");
    (void)address_parse_with_port(span_of("127.0.0.1"), (uint16_t)port, &address);
    TRY(socket_listen(&address, false, &fd, why));
    TRY(socket_local_address(fd, &address, why));
    for (int i = tls ? 4 : 2; i < argc; i++)
        TRY(set_limit(&limits, argv[i], why));
    TRY(http_server_new(&limits, &callbacks, &server, why));
    if (tls) {
        TRY(file_read(a, argv[2], 1 << 20, &options.chain_pem, why));
        TRY(file_read(a, argv[3], 1 << 20, &options.key_pem, why));
        TRY(tls_context_server(&options, &context, why));
        http_server_set_tls(server, context);
        tls_context_unref(context);
    }
    http_server_listen(server, fd, tls);
    printf("listening %u\n", address.port);
    return fflush(stdout) == 0 ? ERR_OK : err_set(why, ERR_IO, "stdout is closed");
}

int main(int argc, char **argv)
{
    struct err_info why = {0};

    if (begin(argc, argv, &why) != ERR_OK) {
        fprintf(stderr, "http_echo: %s\n", why.detail);
        return 1;
    }
    for (;;)
        (void)pause();
}
