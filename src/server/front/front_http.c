/* Between the HTTP server and the exchanges. */
#include "server/front/front_http.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/acme/problem.h"
#include "core/acme/terms.h"
#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/base/memory.h"
#include "core/base/text.h"
#include "server/front/front_published.h"
#include "server/front/router.h"
#include "server/resource/resource.h"
#include "server/settings/settings_attest.h"

#define ATTESTATION_MAX                                                                  \
    (128 * 1024) /* octets of a body with ATTEST_OBJECT_MAX octets twice in base64url */
#define WAIT_LOOK_MS 5 /* between two looks whether all requests are answered */

struct front_http {
    struct services *_Atomic services;
    struct http_server *server;
    atomic_long running; /* exchanges under way */
};

/* What the tray carries for the way back. */
struct ticket {
    struct exchange x;
    struct front_http *front;
    struct http_request *request;
};

struct front_http *front_http_new(struct services *services)
{
    struct front_http *f = memory_get_zeroed(1, sizeof *f);

    atomic_init(&f->services, services);
    return f;
}

void front_http_free(struct front_http *f)
{
    free(f);
}

bool front_http_wait(struct front_http *f, int64_t until_us)
{
    const struct timespec pause = {.tv_nsec = WAIT_LOOK_MS * 1000000L};

    while (atomic_load(&f->running) > 0 && clock_monotonic_us() < until_us)
        (void)nanosleep(&pause, NULL);
    return atomic_load(&f->running) == 0;
}

void front_http_use(struct front_http *f, struct services *services)
{
    atomic_store(&f->services, services);
}

void front_http_attach(struct front_http *f, struct http_server *server)
{
    f->server = server;
}

/* The reply's status is set. */
static void write_problem(struct arena *arena, enum err code, const char *detail,
                          struct http_reply *reply)
{
    struct err_info why = {0};

    (void)err_set(&why, code, "%s", detail);
    reply->body = span_of(problem_text_with_status(arena, &why, reply->status));
    http_reply_header(reply, "Content-Type", "application/problem+json");
}

void front_http_problem(struct arena *arena, const struct err_info *why,
                        struct http_reply *reply)
{
    reply->status = problem_status(why);
    reply->body = span_of(problem_text_with_status(arena, why, reply->status));
    http_reply_header(reply, "Content-Type", "application/problem+json");
}

static void on_refusal(void *context, struct arena *arena, int status, const char *detail,
                       struct http_reply *reply)
{
    (void)context;
    (void)status;
    write_problem(arena, ERR_MALFORMED, detail, reply);
}

static void log_access(const struct http_request *request, int status)
{
    char peer[ADDRESS_TEXT_SIZE];

    if (!log_wants(LOG_LEVEL_INFO))
        return;
    address_text(&request->peer, peer);
    log_event(LOG_LEVEL_INFO, "http.request", "peer=%s method=%s path=%s status=%d", peer,
              request->method_text, request->path, status);
}

/* The tray is finished and everything it says is on disk. */
static void on_finished(struct exchange *x)
{
    struct ticket *t = (struct ticket *)(void *)x;
    struct front_http *f = t->front;
    struct http_reply reply = {.status = x->reply.status};

    if (x->step != resource_ocsp) /* that is no resource of ACME */
        router_finish(x);
    if (x->reply.content_type != NULL) {
        http_reply_header(&reply, "Content-Type", x->reply.content_type);
        reply.body = arena_span(x->arena, buf_span(&x->reply.body));
    }
    for (size_t i = 0; i < x->reply.header_count; i++)
        http_reply_header(&reply, x->reply.headers[i].name, x->reply.headers[i].value);
    log_access(t->request, t->x.reply.status);
    buf_free(&x->reply.body);
    http_server_reply(f->server, t->request, &reply);
    atomic_fetch_sub(&f->running, 1); /* the last thing: see front_http_wait() */
}

/* The URL as the client must have written it: on the name it asked for if that is ours,
 * so that one server may have several names; else on the origin. */
static const char *url_of(const struct settings *s, const struct http_request *request)
{
    size_t host_len = strcspn(request->host, ":");

    for (size_t i = 0; i < s->dns_names.count; i++)
        if (text_equal_ignoring_case(span_make(request->host, host_len),
                                     span_of(s->dns_names.items[i])))
            return arena_printf(request->arena, "https://%s%s", request->host,
                                request->path);
    return arena_printf(request->arena, "%s%s", s->base, request->path);
}

static void refuse_overload(struct front_http *f, struct http_request *request)
{
    struct http_reply reply = {.status = 503};

    write_problem(request->arena, ERR_UNAVAILABLE, "the server is busy; try again later",
                  &reply);
    http_reply_header(&reply, "Retry-After", "5");
    http_server_reply(f->server, request, &reply);
}

static void on_request(void *context, struct http_request *request)
{
    struct front_http *f = context;
    struct services *services = atomic_load(&f->services);
    struct http_reply published = {0};
    const char *path = front_published_path(services->settings, request);
    bool is_ocsp = resource_is_ocsp(services, path);

    if (!is_ocsp && front_published_answer(services, request, &published)) {
        log_access(request, published.status);
        http_server_reply(f->server, request, &published);
        return;
    }
    if (atomic_fetch_add(&f->running, 1) >= services->settings->max_waiting) {
        atomic_fetch_sub(&f->running, 1);
        refuse_overload(f, request);
        return;
    }
    struct ticket *t = arena_get(request->arena, sizeof *t);
    t->front = f;
    t->request = request;
    t->x.services = services;
    t->x.arena = request->arena;
    t->x.step = is_ocsp ? resource_ocsp : router_step;
    t->x.method = request->method_text;
    t->x.path = is_ocsp ? path : request->path;
    t->x.url = url_of(services->settings, request);
    t->x.content_type = http_request_header(request, "Content-Type");
    t->x.body = request->body;
    t->x.peer = &request->peer;
    t->x.finished = on_finished;
    exchange_start(&t->x);
}

/* Attestations are larger than anything else (draft-ietf-acme-device-attest 5). */
static int64_t body_limit(void *context, const char *path)
{
    struct front_http *f = context;
    const char *last = strrchr(path, '/');

    return last != NULL &&
                   strcmp(last + 1, terms_challenge_type(CHALLENGE_DEVICE_ATTEST_01)) ==
                       0 &&
                   settings_attest_is_offered(atomic_load(&f->services)->settings)
               ? ATTESTATION_MAX
               : 0;
}

struct http_server_callbacks front_http_callbacks(struct front_http *f)
{
    struct http_server_callbacks callbacks = {.context = f,
                                              .on_request = on_request,
                                              .body_limit = body_limit,
                                              .on_refusal = on_refusal};
    return callbacks;
}
