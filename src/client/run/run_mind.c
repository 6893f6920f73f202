/* A program from its start to its end: fed, listened to, and ended when its time is up or
 * nobody waits for it any more. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client/proc/wire.h"
#include "client/run/run_private.h"
#include "core/base/clock.h"
#include "core/base/memory.h"

#define GRACE_US  2000000 /* from SIGTERM to SIGKILL */
#define SLICE_MS  20      /* where the kernel does not tell of an end */
#define LATE_MAX  64      /* reads after the end of the program, of one output */
#define READ_SIZE 65536

/* The last octets of an output. */
struct tail {
    uint8_t *data; /* 2 * RUN_OUTPUT_MAX */
    size_t len;
};

struct minded {
    const struct run_request *request;
    struct run_process process;
    int channel; /* to who waits */
    struct tail output;
    struct tail errors;
    size_t fed;      /* octets of the input */
    int64_t end_us;  /* its time is up */
    int64_t kill_us; /* 0: it has not been asked to end */
    bool timed_out;
};

static void tail_add(struct tail *t, const uint8_t *data, size_t len)
{
    if (t->len + len > 2 * RUN_OUTPUT_MAX) {
        memmove(t->data, t->data + t->len - RUN_OUTPUT_MAX, RUN_OUTPUT_MAX);
        t->len = RUN_OUTPUT_MAX;
    }
    memcpy(t->data + t->len, data, len);
    t->len += len;
}

static struct span tail_span(const struct tail *t)
{
    size_t kept = t->len < RUN_OUTPUT_MAX ? t->len : RUN_OUTPUT_MAX;

    return span_make(t->data + t->len - kept, kept);
}

static void close_end(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
}

/* True if there was something. */
static bool listen_to(int *fd, struct tail *t)
{
    uint8_t data[READ_SIZE];
    ssize_t got = *fd >= 0 ? read(*fd, data, sizeof data) : 0;

    if (got > 0)
        tail_add(t, data, (size_t)got);
    else if (got == 0 || (errno != EAGAIN && errno != EINTR))
        close_end(fd);
    return got > 0;
}

static void feed(struct minded *m)
{
    struct span rest = span_slice(m->request->input, m->fed, SIZE_MAX);
    ssize_t put = rest.len > 0 ? write(m->process.input, rest.data, rest.len) : 0;

    if (put > 0)
        m->fed += (size_t)put;
    if (m->fed == m->request->input.len || (put < 0 && errno != EAGAIN && errno != EINTR))
        close_end(&m->process.input);
}

/* Politely, once. */
static void ask_to_end(struct minded *m)
{
    if (m->kill_us != 0)
        return;
    m->kill_us = clock_monotonic_us() + GRACE_US;
    (void)kill(-m->process.pid, SIGTERM);
}

static int wait_ms(const struct minded *m)
{
    int64_t until_us = m->kill_us != 0 ? m->kill_us : m->end_us;
    int64_t left_ms = (until_us - clock_monotonic_us()) / 1000 + 1;

    if (left_ms < 0)
        return 0;
    return m->process.watch < 0 && left_ms > SLICE_MS ? SLICE_MS
           : left_ms > 60000                          ? 60000
                                                      : (int)left_ms;
}

/* One round of waiting. */
static void look(struct minded *m)
{
    struct run_process *p = &m->process;
    enum { CHANNEL, INPUT, OUTPUT, ERRORS, WATCH, COUNT };
    struct pollfd polled[COUNT] = {[CHANNEL] = {m->channel, POLLIN, 0},
                                   [INPUT] = {p->input, POLLOUT, 0},
                                   [OUTPUT] = {p->output, POLLIN, 0},
                                   [ERRORS] = {p->errors, POLLIN, 0},
                                   [WATCH] = {p->watch, POLLIN, 0}};

    (void)poll(polled, COUNT, wait_ms(m));
    if (polled[INPUT].revents != 0)
        feed(m);
    if (polled[OUTPUT].revents != 0)
        (void)listen_to(&p->output, &m->output);
    if (polled[ERRORS].revents != 0)
        (void)listen_to(&p->errors, &m->errors);
    if (polled[CHANNEL].revents != 0) /* nothing is sent there: who waited is gone */
        m->channel = -1;
    run_reap(p);
    if (p->ended)
        return;
    if (m->channel < 0)
        ask_to_end(m);
    if (clock_monotonic_us() >= m->end_us) {
        m->timed_out = m->channel >= 0;
        ask_to_end(m);
    }
}

static void mind(struct minded *m)
{
    struct run_process *p = &m->process;

    if (m->request->input.len == 0)
        close_end(&p->input);
    while (!p->ended && (m->kill_us == 0 || clock_monotonic_us() < m->kill_us))
        look(m);
    if (m->kill_us != 0 || m->request->rights == RUN_CONFINED)
        run_end_all(p);
    for (size_t i = 0; i < LATE_MAX && listen_to(&p->output, &m->output); i++)
        continue;
    for (size_t i = 0; i < LATE_MAX && listen_to(&p->errors, &m->errors); i++)
        continue;
}

static void answer(struct arena *a, int channel, const struct minded *m)
{
    struct err_info ignored = {0};
    int status = m->process.status;
    int code = !m->process.ended     ? 128 + SIGKILL
               : WIFSIGNALED(status) ? 128 + WTERMSIG(status)
                                     : WEXITSTATUS(status);
    const struct wire_message message = {WIRE_ANSWER,
                                         {span_of(arena_printf(a, "%d", code)),
                                          span_of(m->timed_out ? "yes" : "no"),
                                          tail_span(&m->output), tail_span(&m->errors)},
                                         4};

    (void)!wire_send(channel, &message, &ignored);
}

static enum err run_in(struct arena *a, struct minded *m, const struct run_user *user,
                       const char *folder, struct err_info *why)
{
    enum err code = run_start(a, m->request, user, folder, &m->process, why);
    if (code == ERR_OK) {
        m->end_us = clock_monotonic_us() + m->request->timeout_ms * 1000;
        m->output.data = arena_get(a, 2 * RUN_OUTPUT_MAX);
        m->errors.data = arena_get(a, 2 * RUN_OUTPUT_MAX);
        mind(m);
    }
    return code;
}

static enum err obey(struct arena *a, int channel, struct minded *m, struct err_info *why)
{
    struct run_request request;
    struct wire_message message;
    struct run_user user = {0};
    char *made = NULL;

    TRY(wire_receive(a, channel, &message, NULL, why));
    if (message.type != WIRE_RUN || message.count != WIRE_FIELDS_MAX)
        return err_set(why, ERR_PROTOCOL, "a message between processes is malformed");
    TRY(run_call_read(a, message.fields, &request, why));
    bool confined = request.rights == RUN_CONFINED;
    if (confined)
        TRY(run_user_find(request.user, &user, why));
    if (confined && request.folder == NULL)
        TRY(run_folder_make(a, &user, &made, why));
    *m = (struct minded){.request = &request, .channel = channel};
    const char *folder = made != NULL             ? made
                         : request.folder != NULL ? request.folder
                                                  : "/";
    enum err code = run_in(a, m, &user, folder, why);
    if (made != NULL)
        run_folder_remove(made, &user);
    m->request = NULL;
    return code;
}

int run_mind(int channel)
{
    AUTO(arena) struct arena *a = arena_new();
    struct err_info why = {0};
    struct minded m = {0};

    (void)signal(SIGCHLD, SIG_DFL);
    (void)signal(SIGPIPE, SIG_IGN);
    (void)prctl(PR_SET_PDEATHSIG,
                0); /* it ends when its caller is gone, after cleaning */
    (void)prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    if (obey(a, channel, &m, &why) == ERR_OK)
        answer(a, channel, &m);
    else
        (void)!wire_send_failure(channel, &why, &why);
    return EXIT_SUCCESS;
}
