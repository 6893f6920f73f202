/* A house of toys under the real supervisor: three roles that say on stdout what happens
 * to them, so that a test can kill them and watch.
 *
 * The front sends a CHECK and a SIGN every 20 ms and prints who answered. Environment:
 * TOY_CONFIG     file read at SIGHUP; "bad" is refused, other text goes to the children
 * TOY_UID        user and group to become
 * TOY_STUBBORN   the front does not finish draining
 * TOY_HANGS      role that does not end when its control socket closes
 * TOY_FAILS      role that ends with an error before it is ready
 * TOY_VERSION    role that says it is of another version
 * TOY_BACKOFF_FIRST, TOY_BACKOFF_LAST, TOY_HEALTHY   milliseconds */
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/file.h"
#include "core/base/log.h"
#include "core/base/secret.h"
#include "core/base/text.h"
#include "server/proc/ipc_channel.h"
#include "server/proc/sandbox.h"
#include "server/proc/supervisor.h"

#define TICK_MS     20
#define DRAIN_MS    300  /* where the front is not going to end by itself */
#define CONFIG_SIZE 100  /* octets of TOY_CONFIG that are read */
#define LAST_FD     1024 /* descriptors are counted up to here */

enum { CONTROL, FIRST, SECOND, CHANNELS };

struct toy {
    enum ipc_role role;
    struct ipc_channel *channels[CHANNELS];
    bool ending;
    uint64_t next;
};

__attribute__((format(printf, 1, 2))) static void say(const char *format, ...)
{
    char line[256];
    va_list arguments;

    va_start(arguments, format);
    int len = vsnprintf(line, sizeof line - 1, format, arguments);
    va_end(arguments);
    if (len <= 0 || (size_t)len >= sizeof line - 1)
        return;
    line[len] = '\n';
    (void)file_write_all(STDOUT_FILENO, span_make(line, (size_t)len + 1));
}

static uint64_t environment_number(const char *name)
{
    uint64_t number = 0;
    const char *text = getenv(name);

    return text != NULL && text_number(span_of(text), UINT32_MAX, &number) ? number : 0;
}

/* Is this role the one that variable names? */
static bool is_named(const char *variable, enum ipc_role role)
{
    const char *name = getenv(variable);

    return name != NULL && strcmp(name, ipc_role_name(role)) == 0;
}

/* The configuration behind a descriptor. */
static void say_settings(const struct toy *t, int fd)
{
    AUTO(arena) struct arena *a = arena_new();
    struct span text = {0};

    if (supervisor_settings_text(a, fd, &text, NULL) != ERR_OK)
        text = span_of("unreadable");
    say("%s settings %.*s", ipc_role_name(t->role), (int)text.len,
        (const char *)text.data);
}

/* A new way to another role. */
static void on_peer(struct toy *t, const struct message_peer *m)
{
    size_t at = t->role == IPC_FRONT && m->role == IPC_SIGNER ? SECOND : FIRST;

    ipc_channel_replace(t->channels[at], m->fd);
    say("%s peer %s", ipc_role_name(t->role), ipc_role_name((enum ipc_role)m->role));
}

static enum err on_control(struct toy *t, struct ipc_channel *c,
                           const struct ipc_message *m, struct err_info *why)
{
    const struct message_pong pong = {.id = m->as_ping.id};
    const struct message_reloaded reloaded = {.generation = m->as_reload.generation};

    switch (m->type) {
    case IPC_PING:
        return ipc_channel_send_pong(c, &pong, why);
    case IPC_RELOAD:
        say("%s reload %llu", ipc_role_name(t->role),
            (unsigned long long)m->as_reload.generation);
        say_settings(t, m->as_reload.settings_fd);
        (void)close(m->as_reload.settings_fd);
        return ipc_channel_send_reloaded(c, &reloaded, why);
    case IPC_DRAIN:
        say("front drain");
        t->ending = getenv("TOY_STUBBORN") == NULL;
        return ERR_OK;
    case IPC_PEER:
        on_peer(t, &m->as_peer);
        return ERR_OK;
    case IPC_LISTENER:
        say("front listener %.*s", (int)m->as_listener.address.len,
            (const char *)m->as_listener.address.data);
        (void)close(m->as_listener.fd);
        return ERR_OK;
    default:
        return err_set(why, ERR_PROTOCOL, "%s", ipc_type_name(m->type));
    }
}

static enum err on_message(struct ipc_channel *c, struct ipc_message *m, void *context,
                           struct err_info *why)
{
    struct toy *t = context;
    char pid[32];

    (void)snprintf(pid, sizeof pid, "%ld", (long)getpid());
    if (ipc_channel_peer(c) == IPC_SUPERVISOR)
        return on_control(t, c, m, why);
    if (m->type == IPC_CHECK) {
        const struct message_verdict v = {.id = m->as_check.id, .detail = span_of(pid)};
        return ipc_channel_send_verdict(c, &v, why);
    }
    if (m->type == IPC_SIGN) {
        const struct message_signed s = {.id = m->as_sign.id,
                                         .certificate = span_of(pid)};
        return ipc_channel_send_signed(c, &s, why);
    }
    struct span who =
        m->type == IPC_VERDICT ? m->as_verdict.detail : m->as_signed.certificate;
    say("front answer %s %.*s", ipc_role_name(ipc_channel_peer(c)), (int)who.len,
        (const char *)who.data);
    return ERR_OK;
}

/* Requests to those who are there; the others are missed only. */
static void ask(struct toy *t)
{
    const struct message_check check = {.id = ++t->next,
                                        .identifier = span_of("www.example.test")};
    const struct message_sign sign = {.id = t->next, .tbs = span_of("tbs")};

    if (ipc_channel_send_check(t->channels[FIRST], &check, NULL) != ERR_OK)
        say("front misses validator");
    if (ipc_channel_send_sign(t->channels[SECOND], &sign, NULL) != ERR_OK)
        say("front misses signer");
}

/* What is open when the program begins: a leak would show. */
static void say_descriptors(const struct toy *t)
{
    char list[128] = "";
    size_t used = 0;

    for (int fd = 0; fd < LAST_FD && used < sizeof list - 8; fd++) {
        if (fcntl(fd, F_GETFD) >= 0)
            used += (size_t)snprintf(list + used, sizeof list - used, " %d", fd);
    }
    say("%s descriptors%s", ipc_role_name(t->role), list);
}

static enum err begin(struct toy *t, struct err_info *why)
{
    const struct message_hello hello = {
        .role = (uint64_t)t->role,
        .version = span_of(is_named("TOY_VERSION", t->role) ? "0.0.0" : CAIRN_VERSION)};
    const struct message_ready ready = {.url = span_of("https://toy.example.test/")};
    const struct sandbox_plan plan = {.role = t->role,
                                      .uid = (uid_t)environment_number("TOY_UID"),
                                      .gid = (gid_t)environment_number("TOY_UID")};
    struct ipc_channel **c = t->channels;

    TRY(supervisor_child_begin(t->role, why));
    if (is_named("TOY_FAILS", t->role))
        return err_set(why, ERR_CONFIG, "this role was told to fail");
    say_descriptors(t);
    say_settings(t, SUPERVISOR_SETTINGS_FD);
    c[CONTROL] =
        ipc_channel_new(SUPERVISOR_CONTROL_FD, t->role, IPC_SUPERVISOR, on_message, t);
    c[FIRST] =
        ipc_channel_new(SUPERVISOR_FRONT_FD, t->role,
                        t->role == IPC_FRONT ? IPC_VALIDATOR : IPC_FRONT, on_message, t);
    if (t->role == IPC_FRONT)
        c[SECOND] =
            ipc_channel_new(SUPERVISOR_SIGNER_FD, t->role, IPC_SIGNER, on_message, t);
    TRY(sandbox_enter(&plan, why));
    say("%s start %ld uid %ld", ipc_role_name(t->role), (long)getpid(), (long)getuid());
    TRY(ipc_channel_send_hello(c[CONTROL], &hello, why));
    return ipc_channel_send_ready(c[CONTROL], &ready, why);
}

static int child_main(enum ipc_role role)
{
    struct toy t = {.role = role};
    struct err_info why = {0};
    enum err result = begin(&t, &why);

    while (result == ERR_OK && !t.ending) {
        size_t failed = 0;
        result = ipc_channel_wait(t.channels, CHANNELS, TICK_MS, &failed, &why);
        if (result == ERR_TIMEOUT && role == IPC_FRONT)
            ask(&t);
        if (result == ERR_TIMEOUT || (result == ERR_UNAVAILABLE && failed != CONTROL))
            result = ERR_OK;
    }
    while (is_named("TOY_HANGS", role))
        (void)poll(NULL, 0, -1);
    for (size_t i = 0; i < CHANNELS; i++)
        ipc_channel_free(t.channels[i]);
    say("%s end", ipc_role_name(role));
    if (result == ERR_OK || result == ERR_UNAVAILABLE)
        return EXIT_SUCCESS;
    log_event(LOG_LEVEL_ERROR, "toy.failed", "reason=" LOG_QUOTE, why.detail);
    return EXIT_FAILURE;
}

static void on_ready(const char *url, void *context)
{
    (void)context;
    say("ready %s", url);
}

static int settings_of(struct span text)
{
    int fd = memfd_create("settings", MFD_CLOEXEC);

    if (fd >= 0)
        (void)file_write_all(fd, text);
    return fd;
}

static enum err reload_check(void *context, struct supervisor_fresh *fresh,
                             struct err_info *why)
{
    AUTO(arena) struct arena *a = arena_new();
    struct span text = {0};

    (void)context;
    TRY(file_read(a, getenv("TOY_CONFIG"), CONFIG_SIZE, &text, why));
    if (span_is(text, "bad"))
        return err_set(why, ERR_CONFIG, "the configuration is bad");
    fresh->settings_fd = settings_of(text);
    return ERR_OK;
}

int main(int argc, char **argv)
{
    static const enum ipc_role roles[] = {IPC_SIGNER, IPC_VALIDATOR, IPC_FRONT};
    enum ipc_role role;

    secret_protect_process();
    if (supervisor_is_child(argc, argv, &role)) {
        log_configure(LOG_LEVEL_INFO, ipc_role_name(role));
        return child_main(role);
    }
    log_configure(LOG_LEVEL_INFO, "supervisor");
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const struct supervisor_listener listeners[] = {{listener, 0, "127.0.0.1:0"}};
    const struct supervisor_options options = {
        .roles = roles,
        .role_count = sizeof roles / sizeof roles[0],
        .listeners = listeners,
        .listener_count = 1,
        .ready = on_ready,
        .settings_fd = settings_of(span_of("first")),
        .reload_check = getenv("TOY_CONFIG") != NULL ? reload_check : NULL,
        .backoff_first_ms = (int64_t)environment_number("TOY_BACKOFF_FIRST"),
        .backoff_last_ms = (int64_t)environment_number("TOY_BACKOFF_LAST"),
        .healthy_ms = (int64_t)environment_number("TOY_HEALTHY"),
        .drain_ms =
            getenv("TOY_STUBBORN") != NULL || getenv("TOY_HANGS") != NULL ? DRAIN_MS : 0,
    };
    int code = supervisor_run(&options);
    (void)close(listener);
    return code;
}
