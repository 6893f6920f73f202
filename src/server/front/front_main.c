/* The front's process, from its first file to its last reply.
 *
 * Everything that has a name on disk is opened before the rights are given up: afterwards
 * the process can open nothing but what is in crl.directory, and the folder's owner and
 * the way to it do not matter.
 */
#include "server/front/front_main.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/file.h"
#include "core/base/log.h"
#include "core/base/memory.h"
#include "server/exchange/account_cache.h"
#include "server/exchange/shelf.h"
#include "server/front/front_crl.h"
#include "server/front/front_private.h"
#include "server/gate/gate.h"
#include "server/limit/limit.h"
#include "server/order/attest_desk.h"
#include "server/order/enroll_desk.h"
#include "server/order/order_desk.h"
#include "server/order/order_desk_logs.h"
#include "server/policy/policy_key_lists.h"
#include "server/proc/sandbox.h"
#include "server/proc/supervisor.h"
#include "server/proc/user.h"
#include "server/settings/settings_bundle.h"

#define NONCE_FILE    "nonces"
#define WORKERS_LEAST 2

/* ---- before the sandbox ---- */

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

static enum err read_key_lists(struct front *f, struct err_info *why)
{
    struct policy_key_lists *lists = NULL;

    TRY(policy_key_lists_load(f->settings, &lists, why));
    f->services.key_lists = arena_own(f->arena, lists, policy_key_lists_drop);
    return ERR_OK;
}

static enum err open_files(struct front *f, struct err_info *why)
{
    const struct settings *s = f->settings;
    struct stat folder;

    if (stat(s->directory, &folder) != 0)
        return err_set_os(why, ERR_IO, errno, "%s", s->directory);
    f->owner = folder.st_uid;
    TRY(issuer_set_read(f->arena, s, &f->issuers, why));
    TRY(issuer_set_check_server(&f->issuers, s, why));
    f->issuers_shared = arena_copy(f->arena, &f->issuers, sizeof f->issuers);
    TRY(nonce_jar_open(settings_path(f->arena, s, NONCE_FILE), &f->nonces, why));
    TRY(store_open(settings_path(f->arena, s, s->store_file), &f->services.store, why));
    TRY(front_audit_open(f, why));
    TRY(store_session_open(f->services.store, &f->session, why));
    TRY(front_rates_read(f, why));
    TRY(read_key_lists(f, why));
    return work_pool_open(f->services.store, worker_count(s), &f->services.workers, why);
}

static enum err enter_sandbox(struct front *f, struct err_info *why)
{
    struct jail_path published = {.access = JAIL_READ_WRITE};
    struct sandbox_plan plan = {.role = IPC_FRONT, .paths = &published, .path_count = 1};

    TRY(user_find(f->settings->front_user, "cairn-front", USER_FRONT_UID, &plan.uid,
                  &plan.gid, why));
    TRY(front_crl_open_folder(f, plan.uid, plan.gid, why));
    published.fd = front_crl_folder(f);
    return sandbox_enter(&plan, why);
}

/* ---- after it ---- */

/* The logs of these settings; both live as long as the desk. */
static enum err use_logs(struct front *f, struct arena *a, struct err_info *why)
{
    const struct log_board *board = NULL;

    if (f->settings->ct_logs.count > 0)
        TRY(log_board_new(a, f->settings, &board, why));
    order_desk_logs_set(f->services.orders, board);
    return ERR_OK;
}

static enum err start_threads(struct front *f, struct err_info *why)
{
    struct http_server_limits limits = front_limits_of(f->settings, cores());

    limits.connections = f->connections;
    TRY(loop_new(&f->loop, why));
    front_relay_open(f);
    front_peers_open(f);
    const struct order_desk_ports ports = front_peers_ports(f);
    struct gate *gate = arena_get(f->arena, sizeof *gate);
    gate->nonces = f->nonces;
    f->services.settings = f->settings;
    f->services.accounts = account_cache_new(ACCOUNT_CACHE_TABLES);
    f->services.gate = gate;
    f->services.issuers = f->issuers_shared;
    f->services.published = shelf_new();
    f->services.orders =
        order_desk_new(f->services.store, f->services.workers, &ports, f->issuers_shared);
    order_desk_limit(f->services.orders, f->services.limits);
    front_relay_convene(f, f->arena);
    TRY(use_logs(f, f->arena, why));
    front_attest_open(f);
    TRY(front_ocsp_open(f, why));
    front_enroll_open(f);
    f->http = front_http_new(&f->services);
    const struct http_server_callbacks callbacks = front_http_callbacks(f->http);
    TRY(exchange_clock_start(why));
    TRY(work_pool_start(f->services.workers, why));
    TRY(http_server_new(&limits, &callbacks, &f->server, why));
    front_http_attach(f->http, f->server);
    store_session_begin(f->session);
    front_audit_start(f);
    store_session_begin(f->session);
    TRY(order_desk_recover(f->services.orders, f->session, f->settings, why));
    front_watch_open(f);
    front_sweep_open(f);
    front_rates_open(f);
    front_star_open(f);
    TRY(front_crl_open(f, why));
    return front_tls_ask(f, why);
}

void front_main_try_ready(struct front *f)
{
    struct err_info why = {0};

    if (f->ready || f->tls.not_after == 0 || !f->has_listeners)
        return;
    f->ready = true;
    for (size_t i = 0; i < f->listener_count; i++)
        http_server_listen(f->server, f->listeners[i], true);
    for (size_t i = 0; i < f->publish_listener_count; i++)
        http_server_listen(f->server, f->publish_listeners[i], false);
    const struct message_ready ready = {
        .url = span_of(arena_printf(f->arena, "%s/directory",
                                    settings_url(f->arena, f->settings, NULL)))};
    if (ipc_channel_send_ready(f->control.channel, &ready, &why) != ERR_OK)
        log_event(LOG_LEVEL_ERROR, "front.not_announced", "why=" LOG_QUOTE, why.detail);
}

/* ---- reload ---- */

static void drop_arena(void *a)
{
    arena_free(a);
}

/* The certificates of new issuers came with the settings; by now the signer has their
 * keys. Those before stay known: what they were asked to sign may still come. */
static enum err read_issuers(const struct front *f, struct arena *a,
                             const struct settings *fresh,
                             const struct issuer_set **issuers, struct err_info *why)
{
    struct issuer_set *made = arena_get(a, sizeof *made);

    *issuers = f->issuers_shared;
    if (settings_bundle_same(f->settings, fresh))
        return ERR_OK;
    TRY(issuer_set_read(a, fresh, made, why));
    made->before = f->issuers_shared;
    *issuers = made;
    return ERR_OK;
}

static void use_issuers(struct front *f, const struct issuer_set *issuers)
{
    if (issuers == f->issuers_shared)
        return;
    f->issuers_shared = issuers;
    f->issuers = *issuers;
    order_desk_use_issuers(f->services.orders, issuers);
    log_event(LOG_LEVEL_NOTICE, "front.issuers", "count=%zu", issuers->count);
}

static enum err take_settings(struct front *f, int settings_fd, struct span *text,
                              struct err_info *why)
{
    /* kept to the end: requests under way look at the old ones */
    struct arena *a = arena_new();
    const struct settings *fresh = NULL;
    const struct issuer_set *issuers = NULL;
    enum log_level level = LOG_LEVEL_INFO;

    arena_own(f->arena, a, drop_arena);
    TRY(supervisor_settings_text(a, settings_fd, text, why));
    TRY(settings_reread(a, f->settings, *text, &fresh, why));
    TRY(read_issuers(f, a, fresh, &issuers, why));
    if (issuers != f->issuers_shared)
        TRY(ocsp_desk_use_issuers(f->services.ocsp, issuers, why));
    front_limits_name_unchanged(f->settings, fresh);
    if (log_level_read(fresh->log_level, &level))
        log_configure(level, "front");
    struct services *services = arena_get(a, sizeof *services);
    *services = f->services;
    services->settings = fresh;
    services->issuers = issuers;
    f->settings = fresh;
    use_issuers(f, issuers);
    front_relay_convene(f, a);
    TRY(use_logs(f, a, why));
    limit_configure(services->limits, fresh->rates);
    ocsp_desk_configure(services->ocsp, fresh);
    ocsp_desk_tick(services->ocsp);
    front_http_use(f->http, services);
    admin_server_use(f->admin, services);
    return front_tls_ask(f, why);
}

void front_main_reload(struct front *f, const struct message_reload *m)
{
    struct err_info why = {0};
    struct err_info unsent = {0};
    struct message_reloaded reloaded = {.generation = m->generation};

    const struct settings *old = f->settings;
    struct span text = {0};

    enum err result = take_settings(f, m->settings_fd, &text, &why);
    front_audit_reload(f, old, text, result, &why);
    reloaded.code = (int64_t)result;
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
    front_audit_ask(f);
}

/* Workers first, then the store: what the last jobs wrote is told to the desk when it is
 * on disk. */
static void free_all(struct front *f)
{
    front_watch_close(f);
    front_sweep_close(f);
    front_star_close(f);
    front_tls_close(f);
    admin_server_free(f->admin);
    work_pool_free(f->services.workers);
    store_session_close(f->session);
    store_close(f->services.store);
    front_crl_close(f); /* the store tells it what is on disk */
    audit_close(f->audit.log);
    exchange_clock_stop();
    http_server_free(f->server);
    shelf_free(f->services.published);
    front_http_free(f->http);
    order_desk_free(f->services.orders);
    attest_desk_free(f->services.attestations);
    ocsp_desk_free(f->services.ocsp);
    enroll_desk_free(f->services.enrollments);
    limit_free(f->services.limits);
    account_cache_free(f->services.accounts);
    nonce_jar_close(f->nonces);
    front_peers_close(f);
    front_relay_close(f);
    loop_free(f->loop);
    arena_free(f->arena);
}

static enum err start(struct front *f, struct err_info *why)
{
    TRY(supervisor_child_begin(IPC_FRONT, why));
    f->relay_fd = supervisor_child_has_relay() ? SUPERVISOR_RELAY_FD : -1;
    TRY(open_files(f, why));
    f->connections = front_limits_descriptors(f->settings->max_connections);
    front_crl_new(f);
    TRY(enter_sandbox(f, why));
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
    front_audit_end(&f);
    front_rates_end(&f);
    if (!f.orderly)
        return f.exit_code; /* requests are under way; what was answered is on disk */
    free_all(&f);
    return 0;
}
