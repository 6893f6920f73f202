/* Framed messages over a stream socket: one queue out, one buffer in. */
#include "server/proc/ipc_channel.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/buf.h"
#include "core/base/memory.h"

#define READ_SIZE (64U * 1024U) /* octets asked for at once */
#define READS_MAX 8             /* per call, so that others get their turn */

/* Octets on their way out, and the descriptors that leave with the frame that begins at
 * `offset`. */
struct outgoing {
    struct buf octets;
    size_t sent;
    struct {
        size_t offset;
        int fd;
    } descriptors[IPC_CHANNEL_DESCRIPTORS_MAX];
    size_t descriptor_count, descriptors_sent;
};

struct ipc_channel {
    int fd;
    enum ipc_role self, peer;
    bool takes_descriptors; /* from this peer; they are not looked at otherwise */
    ipc_handler *handler;
    void *context;
    void (*blocked)(void *context);
    void *blocked_context;

    pthread_mutex_t lock; /* guards all that follows up to `idle` */
    pthread_cond_t idle;  /* signalled when `writing` ends */
    struct outgoing queue;
    struct outgoing current; /* the writer's alone while `writing` */
    bool writing;            /* one thread writes at a time; others only queue */
    bool full;               /* the socket has no room */
    bool closed;
    unsigned int holds;

    struct buf input; /* the reader's alone */
    int received[IPC_CHANNEL_DESCRIPTORS_MAX];
    size_t received_count;
};

static void outgoing_clear(struct outgoing *o)
{
    while (o->descriptors_sent < o->descriptor_count)
        (void)close(o->descriptors[o->descriptors_sent++].fd);
    o->descriptors_sent = 0;
    o->descriptor_count = 0;
    o->sent = 0;
    buf_clear(&o->octets);
}

static void input_clear(struct ipc_channel *c)
{
    while (c->received_count > 0)
        (void)close(c->received[--c->received_count]);
    buf_clear(&c->input);
}

static void make_nonblocking(int fd)
{
    int flags = fcntl(fd, F_GETFL);

    if (flags >= 0)
        (void)fcntl(fd, F_SETFL, flags | O_NONBLOCK);
    (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
}

struct ipc_channel *ipc_channel_new(int fd, enum ipc_role self, enum ipc_role peer,
                                    ipc_handler *handler, void *context)
{
    struct ipc_channel *c = memory_get_zeroed(1, sizeof *c);

    if (fd >= 0)
        make_nonblocking(fd);
    c->fd = fd;
    c->closed = fd < 0;
    c->self = self;
    c->peer = peer;
    c->takes_descriptors = ipc_carries(peer, self);
    c->handler = handler;
    c->context = context;
    c->queue.octets = buf_make(IPC_CHANNEL_QUEUE_MAX);
    c->current.octets = buf_make(IPC_CHANNEL_QUEUE_MAX);
    c->input = buf_make(IPC_BODY_MAX + IPC_HEADER_SIZE + READ_SIZE);
    (void)pthread_mutex_init(&c->lock, NULL);
    (void)pthread_cond_init(&c->idle, NULL);
    return c;
}

/* With the lock held and nobody writing. */
static void close_socket(struct ipc_channel *c)
{
    if (c->fd >= 0)
        (void)close(c->fd);
    c->fd = -1;
    c->closed = true;
    c->full = false;
    outgoing_clear(&c->queue);
    outgoing_clear(&c->current);
}

static void wait_until_idle(struct ipc_channel *c)
{
    while (c->writing)
        (void)pthread_cond_wait(&c->idle, &c->lock);
}

void ipc_channel_free(struct ipc_channel *c)
{
    if (c == NULL)
        return;
    close_socket(c);
    input_clear(c);
    buf_free(&c->queue.octets);
    buf_free(&c->current.octets);
    buf_free(&c->input);
    (void)pthread_cond_destroy(&c->idle);
    (void)pthread_mutex_destroy(&c->lock);
    free(c);
}

void ipc_channel_replace(struct ipc_channel *c, int fd)
{
    make_nonblocking(fd);
    (void)pthread_mutex_lock(&c->lock);
    wait_until_idle(c);
    close_socket(c);
    c->fd = fd;
    c->closed = false;
    (void)pthread_mutex_unlock(&c->lock);
    input_clear(c);
}

int ipc_channel_fd(const struct ipc_channel *c)
{
    return c->fd;
}

enum ipc_role ipc_channel_peer(const struct ipc_channel *c)
{
    return c->peer;
}

bool ipc_channel_wants_write(struct ipc_channel *c)
{
    (void)pthread_mutex_lock(&c->lock);
    bool wants = c->full && !c->closed;
    (void)pthread_mutex_unlock(&c->lock);
    return wants;
}

void ipc_channel_set_blocked(struct ipc_channel *c, void (*call)(void *context),
                             void *context)
{
    c->blocked = call;
    c->blocked_context = context;
}

/* One sendmsg: up to the next descriptor, or with it. Returns what sendmsg does. */
static ssize_t write_some(int fd, struct outgoing *o)
{
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(int))];
    } control = {.room = {0}};
    struct iovec octets = {o->octets.data + o->sent, o->octets.len - o->sent};
    struct msghdr m = {.msg_iov = &octets, .msg_iovlen = 1};
    size_t next = o->descriptors_sent;
    bool passing = false;

    if (next < o->descriptor_count && o->descriptors[next].offset == o->sent) {
        m.msg_control = control.room;
        m.msg_controllen = sizeof control.room;
        control.header.cmsg_level = SOL_SOCKET;
        control.header.cmsg_type = SCM_RIGHTS;
        control.header.cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(&control.header), &o->descriptors[next].fd, sizeof(int));
        passing = true;
        next++;
    }
    if (next < o->descriptor_count)
        octets.iov_len = o->descriptors[next].offset - o->sent;
    ssize_t n = sendmsg(fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n <= 0)
        return n;
    o->sent += (size_t)n;
    if (passing)
        (void)close(o->descriptors[o->descriptors_sent++].fd);
    return n;
}

/* Write until nothing is left or the socket is full; false when it is broken. */
static bool write_outgoing(int fd, struct outgoing *o, bool *full)
{
    *full = false;
    while (o->sent < o->octets.len) {
        if (write_some(fd, o) >= 0 || errno == EINTR)
            continue;
        *full = errno == EAGAIN || errno == EWOULDBLOCK;
        return *full;
    }
    outgoing_clear(o);
    return true;
}

/* With the lock held: become the writer and write all there is. What others queue
 * meanwhile is written by us too, in one piece. A broken socket is left to the reader to
 * find: it still may hold answers to be read. */
static void pump(struct ipc_channel *c)
{
    if (c->writing || c->closed || c->holds > 0)
        return;
    c->writing = true;
    for (;;) {
        bool full = false;
        if (c->current.octets.len == 0) {
            struct outgoing taken = c->queue;
            if (taken.octets.len == 0)
                break;
            c->queue = c->current;
            c->current = taken;
        }
        (void)pthread_mutex_unlock(&c->lock);
        bool good = write_outgoing(c->fd, &c->current, &full);
        (void)pthread_mutex_lock(&c->lock);
        c->full = full;
        if (!good) {
            outgoing_clear(&c->current);
            outgoing_clear(&c->queue);
        }
        if (full || !good)
            break;
    }
    c->writing = false;
    (void)pthread_cond_broadcast(&c->idle);
}

/* Queue one message; with the lock held. */
static enum err queue_message(struct ipc_channel *c, const struct ipc_message *m,
                              struct err_info *why)
{
    struct ipc_message copy = *m;
    const int *fd = ipc_descriptor(&copy);
    struct outgoing *o = &c->queue;

    if (c->closed)
        return err_set(why, ERR_UNAVAILABLE, "the %s is not there just now",
                       ipc_role_name(c->peer));
    if (o->octets.max - o->octets.len < IPC_BODY_MAX + IPC_HEADER_SIZE)
        return err_set(why, ERR_UNAVAILABLE, "the %s does not keep up",
                       ipc_role_name(c->peer));
    if (fd == NULL)
        return ipc_encode(&o->octets, m, why);
    if (o->descriptor_count == IPC_CHANNEL_DESCRIPTORS_MAX)
        return err_set(why, ERR_UNAVAILABLE, "too many descriptors wait for the %s",
                       ipc_role_name(c->peer));
    int own = fcntl(*fd, F_DUPFD_CLOEXEC, 0);
    if (own < 0)
        return err_set_os(why, ERR_IO, errno, "descriptor %d cannot be passed", *fd);
    size_t offset = o->octets.len;
    enum err result = ipc_encode(&o->octets, m, why);
    if (result != ERR_OK) {
        (void)close(own);
        return result;
    }
    o->descriptors[o->descriptor_count].offset = offset;
    o->descriptors[o->descriptor_count++].fd = own;
    return ERR_OK;
}

enum err ipc_channel_send(struct ipc_channel *c, const struct ipc_message *m,
                          struct err_info *why)
{
    bool waits = false;

    if (!ipc_allowed(m->type, c->self, c->peer))
        return err_set(why, ERR_PROTOCOL, "%s must not send %s to %s",
                       ipc_role_name(c->self), ipc_type_name(m->type),
                       ipc_role_name(c->peer));
    (void)pthread_mutex_lock(&c->lock);
    enum err result = queue_message(c, m, why);
    if (result == ERR_OK && !c->full) {
        pump(c);
        waits = c->full;
    }
    (void)pthread_mutex_unlock(&c->lock);
    if (waits && c->blocked != NULL)
        c->blocked(c->blocked_context);
    return result;
}

#define MESSAGE(NAME, name, from, to)                                                    \
    enum err ipc_channel_send_##name(                                                    \
        struct ipc_channel *c, const struct message_##name *m, struct err_info *why)     \
    {                                                                                    \
        struct ipc_message any = {.type = IPC_##NAME, {.as_##name = *m}};                \
        return ipc_channel_send(c, &any, why);                                           \
    }
#include "server/proc/messages.def"

enum err ipc_channel_on_writable(struct ipc_channel *c, struct err_info *why)
{
    (void)pthread_mutex_lock(&c->lock);
    bool closed = c->closed;
    c->full = false;
    pump(c);
    (void)pthread_mutex_unlock(&c->lock);
    if (closed)
        return err_set(why, ERR_UNAVAILABLE, "the %s is gone", ipc_role_name(c->peer));
    return ERR_OK;
}

void ipc_channel_hold(struct ipc_channel *c)
{
    (void)pthread_mutex_lock(&c->lock);
    c->holds++;
    (void)pthread_mutex_unlock(&c->lock);
}

enum err ipc_channel_release(struct ipc_channel *c, struct err_info *why)
{
    bool waits = false;

    (void)pthread_mutex_lock(&c->lock);
    bool closed = c->closed;
    if (--c->holds == 0 && !c->full) {
        pump(c);
        waits = c->full;
    }
    (void)pthread_mutex_unlock(&c->lock);
    if (waits && c->blocked != NULL)
        c->blocked(c->blocked_context);
    if (closed)
        return err_set(why, ERR_UNAVAILABLE, "the %s is gone", ipc_role_name(c->peer));
    return ERR_OK;
}

/* Keep the descriptors of one recvmsg; false if there were too many. */
static bool keep_descriptors(struct ipc_channel *c, struct msghdr *m)
{
    bool good = (m->msg_flags & MSG_CTRUNC) == 0;

    for (struct cmsghdr *h = CMSG_FIRSTHDR(m); h != NULL; h = CMSG_NXTHDR(m, h)) {
        if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS)
            continue;
        size_t count = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(h) + i * sizeof fd, sizeof fd);
            if (c->received_count < IPC_CHANNEL_DESCRIPTORS_MAX) {
                c->received[c->received_count++] = fd;
            } else {
                (void)close(fd);
                good = false;
            }
        }
    }
    return good;
}

/* One recvmsg into the input; `*got` is 0 when there is nothing now. */
static enum err read_some(struct ipc_channel *c, size_t *got, struct err_info *why)
{
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(int) * 4)];
    } control;
    struct iovec octets = {buf_reserve(&c->input, READ_SIZE), READ_SIZE};
    struct msghdr m = {.msg_iov = &octets, .msg_iovlen = 1};

    if (c->takes_descriptors) {
        m.msg_control = control.room;
        m.msg_controllen = sizeof control.room;
    }
    ssize_t n = recvmsg(c->fd, &m, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        *got = 0;
        return ERR_OK;
    }
    if (n == 0 || (n < 0 && errno == ECONNRESET))
        return err_set(why, ERR_UNAVAILABLE, "the %s closed the channel",
                       ipc_role_name(c->peer));
    if (n < 0)
        return err_set_os(why, ERR_IO, errno, "reading from the %s",
                          ipc_role_name(c->peer));
    if (c->takes_descriptors && !keep_descriptors(c, &m))
        return err_set(why, ERR_PROTOCOL, "too many descriptors at once");
    c->input.len += (size_t)n;
    *got = (size_t)n;
    return ERR_OK;
}

/* Give the message its descriptor. */
static enum err attach_descriptor(struct ipc_channel *c, struct ipc_message *m,
                                  struct err_info *why)
{
    int *fd = ipc_descriptor(m);

    if (fd == NULL)
        return ERR_OK;
    if (c->received_count == 0)
        return err_set(why, ERR_PROTOCOL, "%s came without its descriptor",
                       ipc_type_name(m->type));
    *fd = c->received[0];
    c->received_count--;
    memmove(c->received, c->received + 1, c->received_count * sizeof c->received[0]);
    return ERR_OK;
}

/* Hand over every whole message of the input. */
static enum err deliver(struct ipc_channel *c, struct err_info *why)
{
    size_t done = 0;
    size_t size = 0;
    struct ipc_message m;

    for (;;) {
        struct span rest = span_slice(buf_span(&c->input), done, SIZE_MAX);
        TRY(ipc_frame_size(rest, &size, why));
        if (size == 0 || size > rest.len)
            break;
        TRY(ipc_decode(span_slice(rest, 0, size), &m, why));
        if (!ipc_allowed(m.type, c->peer, c->self))
            return err_set(why, ERR_PROTOCOL, "%s sent %s", ipc_role_name(c->peer),
                           ipc_type_name(m.type));
        TRY(attach_descriptor(c, &m, why));
        TRY(c->handler(c, &m, c->context, why));
        done += size;
    }
    buf_drop(&c->input, done);
    return ERR_OK;
}

static enum err read_and_deliver(struct ipc_channel *c, struct err_info *why)
{
    for (int i = 0; i < READS_MAX; i++) {
        size_t got = 0;
        TRY(read_some(c, &got, why));
        if (got == 0)
            break;
        TRY(deliver(c, why));
        if (got < READ_SIZE && !c->takes_descriptors)
            break; /* drained: spare the call that says so */
    }
    if (c->input.len == 0 && c->received_count > 0)
        return err_set(why, ERR_PROTOCOL, "a descriptor came without its message");
    return ERR_OK;
}

enum err ipc_channel_on_readable(struct ipc_channel *c, struct err_info *why)
{
    if (c->fd < 0)
        return err_set(why, ERR_UNAVAILABLE, "the %s is gone", ipc_role_name(c->peer));
    ipc_channel_hold(c);
    enum err result = read_and_deliver(c, why);
    enum err written = ipc_channel_release(c, result == ERR_OK ? why : NULL);
    if (result == ERR_OK)
        result = written;
    if (result != ERR_OK) {
        (void)pthread_mutex_lock(&c->lock);
        wait_until_idle(c);
        close_socket(c);
        (void)pthread_mutex_unlock(&c->lock);
        input_clear(c);
    }
    return result;
}
