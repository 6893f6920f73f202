/* The front's process, from its first file to its last reply.
 *
 * Everything that has a name on disk is opened before the rights are given up: afterwards
 * the process can open nothing, and the folder's owner and the way to it do not matter.
 */
#include "server/front/front_main.h"

#include <string.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/file.h"
#include "core/base/log.h"
#include "core/base/memory.h"
#include "core/x509/certificate.h"
#include "server/exchange/account_cache.h"
#include "server/front/front_private.h"
#include "server/gate/gate.h"
#include "server/order/order_desk.h"
#include "server/proc/sandbox.h"
#include "server/proc/supervisor.h"
#include "server/proc/user.h"

#define NONCE_FILE           "nonces"
#define CERTIFICATE_FILE_MAX (256 * 1024) /* octets */
#define WORKERS_LEAST        2

/* ---- before the sandbox ---- */

static enum err read_issuers(struct front *f, struct err_info *why)
{
    const struct settings *s = f->settings;
    struct span ders[CERTIFICATE_CHAIN_MAX];
    struct span pem;
    size_t count = 0;
    char *path = settings_path(f->arena, s, s->intermediate_file);

    TRY(file_read(f->arena, path, CERTIFICATE_FILE_MAX, &pem, why));
    if (certificate_from_pem(f->arena, pem, ders, CERTIFICATE_CHAIN_MAX, &count, why) !=
            ERR_OK ||
        template_issuer_read(f->arena, ders[0], &f->issuer, why) != ERR_OK)
        return err_prefix(why, "%s", path);
    struct buf der = buf_make(CERTIFICATE_FILE_MAX);
    struct buf text = buf_make(2 * CERTIFICATE_FILE_MAX);
    for (size_t i = 0; i < count; i++) {
        buf_add_span(&der, ders[i]);
        certificate_pem_add(&text, ders[i]);
    }
    f->chain_der = arena_span(f->arena, buf_span(&der));
    f->chain_pem = arena_span(f->arena, buf_span(&text));
    buf_free(&der);
    buf_free(&text);
    return file_read(f->arena, settings_path(f->arena, s, s->root_file),
                     CERTIFICATE_FILE_MAX, &f->services.root_pem, why);
}

static unsigned int cores(void)
{
    long count = sysconf(_SC_NPROCESSORS_ONLN);

    return count > 0 ? (unsigned int)count : 1;
}

static unsigned int worker_count(const struct settings *s)
{
    if (s->worker_threads > 0)
        return (unsigned int)s->worker_threads;
    return cores() > WORKERS_LEAST ? cores() : WORKERS_LEAST;
}

static enum err open_files(struct front *f, struct err_info *why)
{
    const struct settings *s = f->settings;

    TRY(read_issuers(f, why));
    TRY(nonce_jar_open(settings_path(f->arena, s, NONCE_FILE), &f->nonces, why));
    TRY(store_open(settings_path(f->arena, s, s->store_file), &f->services.store, why));
    TRY(store_session_open(f->services.store, &f->session, why));
    return work_pool_open(f->services.store, worker_count(s), &f->services.workers, why);
}

static enum err enter_sandbox(const struct settings *s, struct err_info *why)
{
    struct sandbox_plan plan = {.role = IPC_FRONT};

    TRY(user_find(s->front_user, "cairn-front", USER_FRONT_UID, &plan.uid, &plan.gid,
                  why));
    return sandbox_enter(&plan, why);
}

/* ---- after it ---- */

static enum err start_threads(struct front *f, struct err_info *why)
{
    struct http_server_limits limits = front_limits_of(f->settings, cores());

    limits.connections = f->connections;
    TRY(loop_new(&f->loop, why));
    front_peers_open(f);
    const struct order_desk_ports ports = front_peers_ports(f);
    struct gate *gate = arena_get(f->arena, sizeof *gate);
    gate->nonces = f->nonces;
    f->services.settings = f->settings;
    f->services.accounts = account_cache_new();
    f->services.gate = gate;
    f->services.issuer = &f->issuer;
    f->services.orders =
        order_desk_new(f->services.store, f->services.workers, &ports, f->chain_der);
    f->http = front_http_new(&f->services);
    const struct http_server_callbacks callbacks = front_http_callbacks(f->http);
    TRY(exchange_clock_start(why));
    TRY(work_pool_start(f->services.workers, why));
    TRY(http_server_new(&limits, &callbacks, &f->server, why));
    front_http_attach(f->http, f->server);
    store_session_begin(f->session);
    TRY(order_desk_recover(f->services.orders, f->session, why));
    front_watch_open(f);
    return front_tls_ask(f, why);
}

void front_main_try_ready(struct front *f)
{
    struct err_info why = {0};

    if (f->ready || f->tls.not_after == 0 ||
        f->listener_count < f->settings->listen.count)
        return;
    f->ready = true;
    for (size_t i = 0; i < f->listener_count; i++)
        http_server_listen(f->server, f->listeners[i], true);
    const struct message_ready ready = {
        .url = span_of(arena_printf(f->arena, "%s/acme/directory", f->settings->base))};
    if (ipc_channel_send_ready(f->control.channel, &ready, &why) != ERR_OK)
        log_event(LOG_LEVEL_ERROR, "front.not_announced", "why=" LOG_QUOTE, why.detail);
}

/* ---- reload ---- */

static void drop_arena(void *a)
{
    arena_free(a);
}

static enum err take_settings(struct front *f, int settings_fd, struct err_info *why)
{
    /* kept to the end: requests under way look at the old ones */
    struct arena *a = arena_new();
    const struct settings *fresh = NULL;
    enum log_level level = LOG_LEVEL_INFO;
    struct span text;

    arena_own(f->arena, a, drop_arena);
    TRY(supervisor_settings_text(a, settings_fd, &text, why));
    TRY(settings_reread(a, f->settings, text, &fresh, why));
    front_limits_name_unchanged(f->settings, fresh);
    if (log_level_read(fresh->log_level, &level))
        log_configure(level, "front");
    struct services *services = arena_get(a, sizeof *services);
    *services = f->services;
    services->settings = fresh;
    f->settings = fresh;
    front_http_use(f->http, services);
    return front_tls_ask(f, why);
}

void front_main_reload(struct front *f, const struct message_reload *m)
{
    struct err_info why = {0};
    struct err_info unsent = {0};
    struct message_reloaded reloaded = {.generation = m->generation};

    reloaded.code = (int64_t)take_settings(f, m->settings_fd, &why);
    reloaded.detail = span_of(why.detail);
    (void)close(m->settings_fd);
    /* a supervisor that is gone needs no answer */
    if (ipc_channel_send_reloaded(f->control.channel, &reloaded, &unsent) != ERR_OK)
        log_event(LOG_LEVEL_WARNING, "front.reload_unanswered", "why=" LOG_QUOTE,
                  unsent.detail);
}

/* ---- the end ---- */

static void drained(void *argument)
{
    struct front *f = argument;

    loop_stop(f->loop);
}

/* Draining waits for replies, which wait for what this process's loop is told: so it has
 * a thread of its own. */
static void *drain_main(void *argument)
{
    struct front *f = argument;
    int64_t until_us = clock_monotonic_us() + f->drain_ms * 1000;

    /* requests outlive the connection of a client that did not wait for the answer */
    f->orderly =
        http_server_drain(f->server, f->drain_ms) && front_http_wait(f->http, until_us);
    loop_post(f->loop, drained, f);
    return NULL;
}

void front_main_drain(struct front *f, int64_t milliseconds)
{
    if (f->draining)
        return;
    f->drain_ms = milliseconds;
    if (pthread_create(&f->drain_thread, NULL, drain_main, f) != 0) {
        loop_stop(f->loop);
        return;
    }
    f->draining = true;
}

/* Workers first, then the store: what the last jobs wrote is told to the desk when it is
 * on disk. */
static void free_all(struct front *f)
{
    front_watch_close(f);
    front_tls_close(f);
    work_pool_free(f->services.workers);
    store_session_close(f->session);
    store_close(f->services.store);
    exchange_clock_stop();
    http_server_free(f->server);
    front_http_free(f->http);
    order_desk_free(f->services.orders);
    account_cache_free(f->services.accounts);
    nonce_jar_close(f->nonces);
    front_peers_close(f);
    loop_free(f->loop);
    arena_free(f->arena);
}

static enum err start(struct front *f, struct err_info *why)
{
    TRY(supervisor_child_begin(IPC_FRONT, why));
    TRY(open_files(f, why));
    f->connections = front_limits_descriptors(f->settings->max_connections);
    TRY(enter_sandbox(f->settings, why));
    return start_threads(f, why);
}

int front_main(const struct settings *settings)
{
    struct front f = {.arena = arena_new(), .settings = settings};
    struct err_info why = {0};

    if (start(&f, &why) != ERR_OK) {
        log_event(LOG_LEVEL_ERROR, "front.cannot_start", "why=" LOG_QUOTE, why.detail);
        return 1; /* the kernel clears up what is half open */
    }
    loop_run(f.loop);
    if (f.draining)
        pthread_join(f.drain_thread, NULL);
    if (!f.orderly)
        return f.exit_code; /* requests are under way; what was answered is on disk */
    free_all(&f);
    return 0;
}
