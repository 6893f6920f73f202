/* The validator's process: the only one that speaks to the world. No store, no keys. */
#include "server/validate/validator_main.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "core/base/log.h"
#include "core/base/memory.h"
#include "core/dns/resolver.h"
#include "server/proc/ipc_channel.h"
#include "server/proc/sandbox.h"
#include "server/proc/supervisor.h"
#include "server/proc/user.h"
#include "server/validate/device_attest_01.h"
#include "server/validate/validate.h"
#include "server/validate/validator_enroll.h"
#include "server/validate/validator_log.h"

#define OTHER_DESCRIPTORS 1024 /* channels, event loop, streams to resolvers */

struct validator_process {
    const struct settings *settings; /* those it was started with */
    struct loop *loop;
    struct validator *validator;
    struct validator_log log;
    struct device_attest_01 attest; /* in the arenas of the log */
    struct validator_enroll enroll;
    struct arena *arena; /* of what is there from start to end */
    struct ipc_channel *control;
    struct ipc_channel *front;
    struct loop_fd *control_watch;
    struct loop_fd *front_watch;
    bool restarts; /* ends when the supervisor was answered */
};

/* A check and the question it answers. */
struct job {
    struct validator_process *process;
    uint64_t id;
};

/* ---- checks ---- */

static void send_verdict(struct validator_process *p, const struct message_verdict *m)
{
    struct err_info why = {0};

    /* a front that is gone asks again when it is back */
    if (ipc_channel_send_verdict(p->front, m, &why) != ERR_OK)
        log_event(LOG_LEVEL_WARNING, "validator.verdict_lost", "id=%llu why=" LOG_QUOTE,
                  (unsigned long long)m->id, why.detail);
}

static void on_verdict(void *argument, const struct validate_verdict *verdict)
{
    struct job *job = argument;
    const struct message_verdict m = {.id = job->id,
                                      .valid = verdict->valid,
                                      .until = verdict->until,
                                      .code = (int64_t)verdict->code,
                                      .detail = span_of(verdict->detail),
                                      .record = span_of(verdict->record)};

    send_verdict(job->process, &m);
    free(job);
}

static void on_trouble(void *argument, const struct validate_trouble *trouble)
{
    const struct job *job = argument;
    const struct message_trouble m = {.id = job->id,
                                      .code = (int64_t)trouble->code,
                                      .wait = (uint64_t)trouble->wait_ms,
                                      .detail = span_of(trouble->detail)};
    struct err_info why = {0};

    /* nothing depends on it */
    if (ipc_channel_send_trouble(job->process->front, &m, &why) != ERR_OK)
        log_event(LOG_LEVEL_INFO, "validator.trouble_lost", "id=%llu why=" LOG_QUOTE,
                  (unsigned long long)m.id, why.detail);
}

static void refuse_overload(struct validator_process *p, uint64_t id)
{
    const struct message_verdict m = {
        .id = id,
        /* of a perspective: it could not look, which says nothing about the name */
        .code = p->settings->is_host ? ERR_UNAVAILABLE : ERR_CONNECTION,
        .detail = span_of("the validator has too much to do; try again later"),
        .record = span_of("[]")};

    send_verdict(p, &m);
}

static void begin_check(struct validator_process *p, const struct message_check *m)
{
    AUTO(arena) struct arena *a = arena_new();
    const struct validate_question question = {
        .purpose = (enum validate_purpose)m->purpose,
        .type = (enum challenge_type)m->type,
        .directory = arena_string_of(a, m->directory),
        .identifier = arena_string_of(a, m->identifier),
        .wildcard = m->wildcard != 0,
        .token = arena_string_of(a, m->token),
        .key_authorization = arena_string_of(a, m->key_authorization),
        .account_uri = arena_string_of(a, m->account_uri),
        .caa_identities = arena_string_of(a, m->caa_identities)};

    if (validate_running(p->validator) >= VALIDATOR_CHECKS_MAX) {
        refuse_overload(p, m->id);
        return;
    }
    struct job *job = memory_get_zeroed(1, sizeof *job);
    job->process = p;
    job->id = m->id;
    const struct validate_listener listener = {on_trouble, on_verdict, job};
    validate_start(p->validator, &question, &listener);
}

static enum err on_front(struct ipc_channel *c, struct ipc_message *m, void *context,
                         struct err_info *why)
{
    struct validator_process *p = context;

    if (m->type == IPC_LOG_SUBMIT) {
        validator_log_submit(&p->log, p->validator, c, &m->as_log_submit);
        return ERR_OK;
    }
    if (m->type == IPC_ATTEST) {
        device_attest_01_answer(&p->attest, c, &m->as_attest);
        return ERR_OK;
    }
    if (m->type == IPC_ENROLL)
        return validator_enroll_answer(&p->enroll, c, &m->as_enroll, why);
    if (m->type != IPC_CHECK)
        return err_set(why, ERR_PROTOCOL, "the front sent %s", ipc_type_name(m->type));
    begin_check(p, &m->as_check);
    return ERR_OK;
}

/* ---- settings ---- */

static struct validate_view view_of(const char *directory,
                                    const struct settings_view *view)
{
    return (struct validate_view){.directory = directory,
                                  .resolver = view->resolver,
                                  .http_port = view->http_port,
                                  .tls_port = view->tls_port,
                                  .allowed = view->allowed,
                                  .allowed_count = view->allowed_count,
                                  .insecure_zones = view->insecure_zones,
                                  .insecure_zone_count = view->insecure_zone_count};
}

/* The general view, and those of directories that say otherwise. */
static struct validate_options read_options(struct arena *a, const struct settings *s)
{
    struct validate_view *views = arena_array(a, s->directories.count + 1, sizeof *views);
    struct validate_options options = {.views = views,
                                       .timeout_ms = s->validation_timeout,
                                       .connections_per_target =
                                           (size_t)s->connections_per_target};

    views[options.view_count++] = view_of(NULL, &s->view);
    for (size_t i = 0; i < s->directories.count; i++) {
        const struct settings_directory *directory = s->directories.members[i];
        if (directory->has_view)
            views[options.view_count++] = view_of(directory->name, &directory->view);
    }
    return options;
}

static enum err take_settings(struct validator_process *p, int settings_fd,
                              struct err_info *why)
{
    struct arena *a = arena_new();
    const struct settings *fresh = NULL;
    struct device_attest_01 attest = {0};
    struct span text;

    enum err result = supervisor_settings_text(a, settings_fd, &text, why);
    if (result == ERR_OK)
        result = settings_reread(a, p->settings, text, &fresh, why);
    if (result == ERR_OK && !fresh->is_host)
        result = device_attest_01_open(a, fresh, &attest, why);
    if (result == ERR_OK)
        result = validator_enroll_read(&p->enroll, a, fresh, why);
    if (result != ERR_OK) {
        arena_free(a);
        return result;
    }
    const struct validate_options options = read_options(a, fresh);
    /* A resolver reads files when it is opened, and root certificates are in one, which
     * cannot be done in here any more. The next process is given these settings, and
     * asked again what was not answered. */
    const bool resolvers = validate_reload(p->validator, &options);
    const bool roots = validator_log_reload(&p->log, a, fresh);
    p->attest = attest;
    p->restarts = !resolvers || !roots;
    if (p->restarts)
        log_event(LOG_LEVEL_NOTICE, "validator.restarts",
                  "why=\"%s: checks under way begin again\"",
                  resolvers ? "root certificates to verify logs by"
                            : "a resolver that is new");
    return ERR_OK;
}

/* ---- the others ---- */

static void on_front_events(void *argument, int events);

static void want(struct loop_fd *watch, struct ipc_channel *c)
{
    if (watch != NULL)
        loop_fd_want(watch,
                     ipc_channel_wants_write(c) ? LOOP_READ | LOOP_WRITE : LOOP_READ);
}

static void watch_front(struct validator_process *p)
{
    loop_fd_free(p->front_watch);
    p->front_watch = loop_fd_new(p->loop, ipc_channel_fd(p->front), on_front_events, p);
    want(p->front_watch, p->front);
}

static enum err on_control(struct ipc_channel *c, struct ipc_message *m, void *context,
                           struct err_info *why)
{
    struct validator_process *p = context;

    switch (m->type) {
    case IPC_PEER:
        /* Its numbers may mean other names than those of the process before it: what that
         * one asked must not be answered any more. */
        validate_drop_all(p->validator, free);
        loop_fd_free(p->front_watch);
        p->front_watch = NULL;
        ipc_channel_replace(p->front, m->as_peer.fd);
        watch_front(p);
        return ERR_OK;
    case IPC_PING: {
        struct message_pong pong = {.id = m->as_ping.id};
        return ipc_channel_send_pong(c, &pong, why);
    }
    case IPC_RELOAD: {
        struct err_info bad = {0};
        struct message_reloaded reloaded = {.generation = m->as_reload.generation};
        reloaded.code = (int64_t)take_settings(p, m->as_reload.settings_fd, &bad);
        reloaded.detail = span_of(bad.detail);
        reloaded.leaves = p->restarts;
        (void)close(m->as_reload.settings_fd);
        if (p->restarts)
            loop_stop(p->loop);
        return ipc_channel_send_reloaded(c, &reloaded, why);
    }
    default:
        return ERR_OK;
    }
}

static enum err serve_channel(struct ipc_channel *c, int events, struct err_info *why)
{
    if ((events & LOOP_WRITE) != 0)
        TRY(ipc_channel_on_writable(c, why));
    if ((events & LOOP_READ) != 0)
        TRY(ipc_channel_on_readable(c, why));
    return ERR_OK;
}

static void on_front_events(void *argument, int events)
{
    struct validator_process *p = argument;
    struct err_info why = {0};

    if (serve_channel(p->front, events, &why) != ERR_OK) {
        loop_fd_free(p->front_watch); /* until PEER brings another */
        p->front_watch = NULL;
    }
    want(p->front_watch, p->front);
}

static void on_control_events(void *argument, int events)
{
    struct validator_process *p = argument;
    struct err_info why = {0};

    if (serve_channel(p->control, events, &why) != ERR_OK) {
        loop_stop(p->loop); /* the house closes */
        return;
    }
    want(p->control_watch, p->control);
}

/* Something waits for room in the socket: the loop writes it. */
static void on_front_blocked(void *context)
{
    struct validator_process *p = context;

    want(p->front_watch, p->front);
}

/* A connection for each check, or a question. By default a process has 1,024 descriptors:
 * that many servers that hang would leave none to the others. */
static void raise_descriptors(void)
{
    const rlim_t wanted = VALIDATOR_CHECKS_MAX + RESOLVER_SOCKETS_MAX + OTHER_DESCRIPTORS;
    struct rlimit now;

    if (getrlimit(RLIMIT_NOFILE, &now) != 0 || now.rlim_cur >= wanted)
        return;
    /* root may raise the hard limit too; others get as far as that one */
    struct rlimit more = {wanted, now.rlim_max < wanted ? wanted : now.rlim_max};
    if (setrlimit(RLIMIT_NOFILE, &more) == 0)
        return;
    more.rlim_cur = now.rlim_max < wanted ? now.rlim_max : wanted;
    more.rlim_max = now.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &more);
    if (more.rlim_cur < wanted)
        log_event(LOG_LEVEL_WARNING, "validator.few_descriptors",
                  "allowed=%llu wanted=%llu "
                  "hint=\"raise the limit of open files (LimitNOFILE=, ulimit -n)\"",
                  (unsigned long long)more.rlim_cur, (unsigned long long)wanted);
}

static enum err start(struct validator_process *p, struct err_info *why)
{
    const struct settings *s = p->settings;
    struct sandbox_plan plan = {.role = IPC_VALIDATOR};
    const struct message_ready ready = {.url = span_of("")};

    TRY(supervisor_child_begin(IPC_VALIDATOR, why));
    raise_descriptors();
    TRY(loop_new_brief(&p->loop, why));
    AUTO(arena) struct arena *a = arena_new();
    const struct validate_options options = read_options(a, s);
    TRY(validate_new(p->loop, &options, &p->validator, why));
    TRY(validator_log_open(p->arena, s, &p->log, why));
    if (!s->is_host)
        TRY(device_attest_01_open(p->arena, s, &p->attest, why));
    TRY(validator_enroll_read(&p->enroll, p->arena, s, why));
    TRY(user_find(s->validator_user, "cairn-validator", USER_VALIDATOR_UID, &plan.uid,
                  &plan.gid, why));
    TRY(sandbox_enter(&plan, why));
    p->control = ipc_channel_new(SUPERVISOR_CONTROL_FD, IPC_VALIDATOR, IPC_SUPERVISOR,
                                 on_control, p);
    p->front = ipc_channel_new(SUPERVISOR_FRONT_FD, IPC_VALIDATOR,
                               s->is_host ? IPC_DOOR : IPC_FRONT, on_front, p);
    ipc_channel_set_blocked(p->front, on_front_blocked, p);
    p->control_watch = loop_fd_new(p->loop, SUPERVISOR_CONTROL_FD, on_control_events, p);
    want(p->control_watch, p->control);
    watch_front(p);
    return ipc_channel_send_ready(p->control, &ready, why);
}

int validator_main(const struct settings *settings)
{
    struct validator_process p = {.settings = settings, .arena = arena_new()};
    struct err_info why = {0};

    if (start(&p, &why) != ERR_OK) {
        log_event(LOG_LEVEL_ERROR, "validator.cannot_start", "why=" LOG_QUOTE,
                  why.detail);
        return 1;
    }
    loop_run(p.loop);
    validate_drop_all(p.validator, free);
    validate_free(p.validator);
    validator_log_close(&p.log);
    arena_free(p.arena);
    loop_fd_free(p.control_watch);
    loop_fd_free(p.front_watch);
    ipc_channel_free(p.control);
    ipc_channel_free(p.front);
    loop_free(p.loop);
    return 0;
}
