/* Metrics by HTTP. */
#include "client/agent/agent_page.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/agent/agent_metrics.h"
#include "client/proc/wire.h"
#include "core/http/http_server.h"
#include "core/net/socket.h"

#define CONNECTIONS_MAX 64
#define BODY_OCTETS     1024
#define PART_MAX        (2 * 1024 * 1024) /* octets of the text in one message */
#define PATH            "/metrics"

/* ---- in the process of its own ---- */

static struct {
    struct http_server *server;
    pthread_mutex_t lock; /* the server's thread reads what is shown */
    struct buf shown;
    struct buf coming;
} page = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void on_request(void *context, struct http_request *r)
{
    struct http_reply reply = {.status = 200};

    (void)context;
    http_reply_header(&reply, "Content-Type", "text/plain; version=0.0.4; charset=utf-8");
    if (strcmp(r->path, PATH) != 0) {
        reply.status = 404;
        reply.body = span_of("metrics are at " PATH "\n");
    } else if (r->method != HTTP_GET && r->method != HTTP_HEAD) {
        reply.status = 405;
        http_reply_header(&reply, "Allow", "GET, HEAD");
        reply.body = span_of("that is not done here\n");
    } else {
        (void)pthread_mutex_lock(&page.lock);
        reply.body = arena_span(r->arena, buf_span(&page.shown));
        (void)pthread_mutex_unlock(&page.lock);
    }
    http_server_reply(page.server, r, &reply);
}

static enum err begin(int socket, struct err_info *why)
{
    struct http_server_limits limits = http_server_limits_default();
    const struct http_server_callbacks callbacks = {.on_request = on_request};

    if (socket < 0 || page.server != NULL)
        return err_set(why, ERR_PROTOCOL, "there is no socket to listen on");
    limits.io_threads = 1;
    limits.connections = CONNECTIONS_MAX;
    limits.body_octets = BODY_OCTETS;
    TRY(socket_adopt_listener(socket, why));
    TRY(http_server_new(&limits, &callbacks, &page.server, why));
    http_server_listen(page.server, socket, false);
    return ERR_OK;
}

static void show(const struct wire_message *m)
{
    buf_add_span(&page.coming, m->fields[0]);
    if (m->fields[1].len > 0)
        return; /* there is more */
    (void)pthread_mutex_lock(&page.lock);
    struct buf old = page.shown;
    page.shown = page.coming;
    (void)pthread_mutex_unlock(&page.lock);
    page.coming = old;
    buf_clear(&page.coming);
}

static int run(int fd)
{
    child_ignore_signals();
    page.shown = buf_make(AGENT_METRICS_MAX);
    page.coming = buf_make(AGENT_METRICS_MAX);
    for (;;) {
        AUTO(arena) struct arena *a = arena_new();
        struct wire_message m;
        struct err_info why = {0};
        int socket = -1;

        if (wire_receive(a, fd, &m, &socket, &why) != ERR_OK)
            return EXIT_SUCCESS; /* the agent is gone */
        if (m.type == WIRE_PAGE && m.count == 2)
            show(&m);
        else if (m.type != WIRE_LISTEN || begin(socket, &why) != ERR_OK)
            return EXIT_FAILURE;
    }
}

/* ---- in the agent ---- */

enum err agent_page_start(const char *address, struct child *started,
                          struct err_info *why)
{
    struct wire_message m = {.type = WIRE_LISTEN};
    struct address at;
    int fd = -1;

    if (!address_parse_with_port(span_of(address), 0, &at) || at.port == 0)
        return err_set(why, ERR_CONFIG,
                       "agent.metrics: \"%.100s\" is no ADDRESS:PORT, such as "
                       "127.0.0.1:9300",
                       address);
    if (socket_listen(&at, false, &fd, why) != ERR_OK)
        return err_prefix(why, "agent.metrics");
    enum err result = child_start(CHILD_LISTENER, run, started, why);
    if (result == ERR_OK)
        result = wire_send_descriptor(started->fd, &m, fd, why);
    (void)close(fd);
    return result;
}

enum err agent_page_show(const struct child *shown, struct span text,
                         struct err_info *why)
{
    do {
        struct span part = span_slice(text, 0, PART_MAX);
        text = span_slice(text, part.len, text.len);
        const struct wire_message m = {
            WIRE_PAGE, {part, span_of(text.len > 0 ? "more" : "")}, 2};
        TRY(wire_send(shown->fd, &m, why));
    } while (text.len > 0);
    return ERR_OK;
}
