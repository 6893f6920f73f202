/* Tests of server/proc/ipc_channel and ipc_channel_wait. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/file.h"
#include "server/proc/ipc_channel.h"

#define SEEN_MAX 64

/* What a channel's handler saw; `fail_at` makes it fail at the message with that id. */
struct seen {
    size_t count;
    enum ipc_type types[SEEN_MAX];
    uint64_t ids[SEEN_MAX];
    int fds[SEEN_MAX];
    uint64_t fail_at;
    struct ipc_channel *answer_on;
};

struct pair {
    struct ipc_channel *left, *right;
    struct seen left_seen, right_seen;
    struct err_info why;
};

static enum err on_message(struct ipc_channel *c, struct ipc_message *m, void *context,
                           struct err_info *why)
{
    struct seen *s = context;
    const int *fd = ipc_descriptor(m);

    (void)c;
    assert_true(s->count < SEEN_MAX);
    s->types[s->count] = m->type;
    s->ids[s->count] = m->as_ping.id; /* the first number of each message used here */
    s->fds[s->count++] = fd != NULL ? *fd : -1;
    if (s->fail_at != 0 && m->as_ping.id == s->fail_at)
        return err_set(why, ERR_STORE, "enough");
    if (s->answer_on != NULL) {
        const struct message_verdict v = {.id = m->as_check.id};
        return ipc_channel_send_verdict(s->answer_on, &v, why);
    }
    return ERR_OK;
}

static void make_sockets(int fds[2])
{
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
}

static void pair_open(struct pair *p, enum ipc_role left, enum ipc_role right)
{
    int fds[2];

    *p = (struct pair){.left = NULL};
    make_sockets(fds);
    p->left = ipc_channel_new(fds[0], left, right, on_message, &p->left_seen);
    p->right = ipc_channel_new(fds[1], right, left, on_message, &p->right_seen);
}

static void pair_close(struct pair *p)
{
    ipc_channel_free(p->left);
    ipc_channel_free(p->right);
}

/* A channel whose other end is a bare socket. */
static int bare_open(struct pair *p, enum ipc_role self, enum ipc_role peer)
{
    int fds[2];

    *p = (struct pair){.left = NULL};
    make_sockets(fds);
    p->left = ipc_channel_new(fds[0], self, peer, on_message, &p->left_seen);
    return fds[1];
}

static size_t open_descriptors(void)
{
    DIR *d = opendir("/proc/self/fd");
    size_t count = 0;

    assert_non_null(d);
    while (readdir(d) != NULL)
        count++;
    (void)closedir(d);
    return count;
}

static struct buf check_frame(uint64_t id)
{
    const struct message_check m = {.id = id, .identifier = span_of("www.example.test")};
    struct buf b = buf_make(4096);

    assert_int_equal(ipc_encode_check(&b, &m, NULL), ERR_OK);
    return b;
}

static void send_check(struct ipc_channel *c, uint64_t id)
{
    const struct message_check m = {.id = id, .identifier = span_of("www.example.test")};

    assert_int_equal(ipc_channel_send_check(c, &m, NULL), ERR_OK);
}

/* There and back; the answer is sent from within the handler. */
static void question_and_answer(void **state)
{
    struct pair p;

    (void)state;
    pair_open(&p, IPC_FRONT, IPC_VALIDATOR);
    p.right_seen.answer_on = p.right;
    for (uint64_t id = 1; id <= 10; id++)
        send_check(p.left, id);
    assert_int_equal(ipc_channel_on_readable(p.right, &p.why), ERR_OK);
    assert_int_equal(p.right_seen.count, 10);
    assert_int_equal(ipc_channel_on_readable(p.left, &p.why), ERR_OK);
    assert_int_equal(p.left_seen.count, 10);
    for (size_t i = 0; i < 10; i++) {
        assert_int_equal(p.left_seen.types[i], IPC_VERDICT);
        assert_int_equal(p.left_seen.ids[i], i + 1);
    }
    assert_int_equal(ipc_channel_peer(p.left), IPC_VALIDATOR);
    pair_close(&p);
}

/* Octet by octet, and several frames in one piece. */
static void pieces(void **state)
{
    struct pair p;
    int bare = bare_open(&p, IPC_VALIDATOR, IPC_FRONT);
    struct buf one = check_frame(1), many = buf_make(4096);

    (void)state;
    for (size_t i = 0; i < one.len; i++) {
        assert_int_equal(p.left_seen.count, 0);
        assert_int_equal(write(bare, one.data + i, 1), 1);
        assert_int_equal(ipc_channel_on_readable(p.left, &p.why), ERR_OK);
    }
    assert_int_equal(p.left_seen.count, 1);
    for (int i = 0; i < 3; i++)
        buf_add_span(&many, buf_span(&one));
    assert_true(file_write_all(bare, span_slice(buf_span(&many), 0, many.len - 1)));
    assert_int_equal(ipc_channel_on_readable(p.left, &p.why), ERR_OK);
    assert_int_equal(p.left_seen.count, 3);
    assert_true(file_write_all(bare, span_slice(buf_span(&many), many.len - 1, 1)));
    assert_int_equal(ipc_channel_on_readable(p.left, &p.why), ERR_OK);
    assert_int_equal(p.left_seen.count, 4);
    buf_free(&one);
    buf_free(&many);
    (void)close(bare);
    ipc_channel_free(p.left);
}

/* What was sent before the end is delivered; then the channel is closed for good. */
static void peer_dies(void **state)
{
    const struct message_check check = {.id = 1};
    struct pair p;

    (void)state;
    pair_open(&p, IPC_FRONT, IPC_VALIDATOR);
    send_check(p.left, 7);
    ipc_channel_free(p.left);
    p.left = NULL;
    assert_int_equal(ipc_channel_on_readable(p.right, &p.why), ERR_OK);
    assert_int_equal(p.right_seen.count, 1);
    assert_int_equal(ipc_channel_on_readable(p.right, &p.why), ERR_UNAVAILABLE);
    assert_int_equal(ipc_channel_fd(p.right), -1);
    assert_int_equal(ipc_channel_on_readable(p.right, &p.why), ERR_UNAVAILABLE);
    assert_int_equal(ipc_channel_on_writable(p.right, &p.why), ERR_UNAVAILABLE);
    const struct message_verdict verdict = {.id = 1};
    assert_int_equal(ipc_channel_send_verdict(p.right, &verdict, &p.why),
                     ERR_UNAVAILABLE);
    pair_close(&p);

    /* sending into a dead socket is no error of the sender's, and no signal */
    pair_open(&p, IPC_FRONT, IPC_VALIDATOR);
    ipc_channel_free(p.right);
    p.right = NULL;
    for (int i = 0; i < 3; i++)
        assert_int_equal(ipc_channel_send_check(p.left, &check, &p.why), ERR_OK);
    assert_int_equal(ipc_channel_on_readable(p.left, &p.why), ERR_UNAVAILABLE);
    assert_int_equal(ipc_channel_send_check(p.left, &check, &p.why), ERR_UNAVAILABLE);
    pair_close(&p);
    ipc_channel_free(NULL);
}

/* Nothing half-read, half-written or queued comes over into the new conversation. */
static void replaced(void **state)
{
    static uint8_t tbs[65536];
    const struct message_sign big = {.id = 5, .tbs = span_make(tbs, sizeof tbs)};
    const struct message_sign small = {.id = 6};
    struct pair p;
    struct seen fresh_seen = {0};
    int fds[2];
    size_t before = open_descriptors();
    int bare = bare_open(&p, IPC_FRONT, IPC_SIGNER);
    const struct message_signed signed_message = {.id = 9, .certificate = span_of("c")};
    struct buf answer = buf_make(4096);

    (void)state;
    assert_int_equal(ipc_encode_signed(&answer, &signed_message, NULL), ERR_OK);
    assert_true(file_write_all(bare, span_slice(buf_span(&answer), 0, 9)));
    assert_int_equal(ipc_channel_on_readable(p.left, &p.why), ERR_OK);
    while (!ipc_channel_wants_write(p.left))
        assert_int_equal(ipc_channel_send_sign(p.left, &big, &p.why), ERR_OK);
    make_sockets(fds);
    ipc_channel_replace(p.left, fds[0]);
    assert_false(ipc_channel_wants_write(p.left));
    struct ipc_channel *fresh =
        ipc_channel_new(fds[1], IPC_SIGNER, IPC_FRONT, on_message, &fresh_seen);
    assert_int_equal(ipc_channel_send_sign(p.left, &small, &p.why), ERR_OK);
    assert_int_equal(ipc_channel_on_readable(fresh, &p.why), ERR_OK);
    assert_int_equal(fresh_seen.count, 1);
    assert_int_equal(fresh_seen.ids[0], 6);
    assert_int_equal(ipc_channel_send_signed(fresh, &signed_message, &p.why), ERR_OK);
    assert_int_equal(ipc_channel_on_readable(p.left, &p.why), ERR_OK);
    assert_int_equal(p.left_seen.count, 1);
    assert_int_equal(p.left_seen.ids[0], 9);

    /* a channel that was closed by its peer's death is revived, too */
    ipc_channel_free(fresh);
    assert_int_equal(ipc_channel_on_readable(p.left, &p.why), ERR_UNAVAILABLE);
    make_sockets(fds);
    ipc_channel_replace(p.left, fds[0]);
    assert_int_equal(ipc_channel_send_sign(p.left, &small, &p.why), ERR_OK);
    (void)close(fds[1]);
    (void)close(bare);
    buf_free(&answer);
    ipc_channel_free(p.left);
    assert_int_equal(open_descriptors(), before);
}

static void send_listener(struct ipc_channel *c, uint64_t kind, int fd, enum err expected)
{
    const struct message_listener m = {
        .kind = kind, .address = span_of("127.0.0.1:443"), .fd = fd};
    struct err_info why = {0};

    assert_int_equal(ipc_channel_send_listener(c, &m, &why), expected);
}

/* Each message keeps its own descriptor, whatever is sent between and however it is cut.
 */
static void descriptors(void **state)
{
    struct pair p;
    struct stat sent, got;
    int files[8][2];
    size_t before = open_descriptors();

    (void)state;
    pair_open(&p, IPC_SUPERVISOR, IPC_FRONT);
    ipc_channel_hold(p.left);
    for (size_t i = 0; i < 8; i++) {
        const struct message_ping ping = {.id = 100 + i};
        assert_int_equal(pipe(files[i]), 0);
        send_listener(p.left, i + 1, files[i][0], ERR_OK);
        if (i % 2 == 0)
            assert_int_equal(ipc_channel_send_ping(p.left, &ping, &p.why), ERR_OK);
    }
    assert_int_equal(ipc_channel_release(p.left, &p.why), ERR_OK);
    while (p.right_seen.count < 12)
        assert_int_equal(ipc_channel_on_readable(p.right, &p.why), ERR_OK);
    size_t next = 0;
    for (size_t i = 0; i < 12; i++) {
        if (p.right_seen.types[i] != IPC_LISTENER)
            continue;
        assert_int_equal(p.right_seen.ids[i], next + 1);
        assert_int_equal(fstat(files[next][0], &sent), 0);
        assert_int_equal(fstat(p.right_seen.fds[i], &got), 0);
        assert_true(sent.st_ino == got.st_ino && sent.st_dev == got.st_dev);
        assert_int_equal(fcntl(p.right_seen.fds[i], F_GETFD), FD_CLOEXEC);
        (void)close(p.right_seen.fds[i]);
        (void)close(files[next][0]);
        (void)close(files[next][1]);
        next++;
    }
    assert_int_equal(next, 8);
    send_listener(p.left, 1, -1, ERR_IO); /* no such descriptor: nothing is sent */
    assert_int_equal(ipc_channel_on_readable(p.right, &p.why), ERR_OK);
    assert_int_equal(p.right_seen.count, 12);
    pair_close(&p);
    assert_int_equal(open_descriptors(), before);
}

/* Descriptors that wait are bounded, and closed with the channel, on both sides. */
static void descriptors_waiting(void **state)
{
    struct pair p;
    size_t before = open_descriptors();

    (void)state;
    pair_open(&p, IPC_SUPERVISOR, IPC_FRONT);
    ipc_channel_hold(p.left);
    for (size_t i = 0; i < IPC_CHANNEL_DESCRIPTORS_MAX; i++)
        send_listener(p.left, i + 1, STDOUT_FILENO, ERR_OK);
    send_listener(p.left, 99, STDOUT_FILENO, ERR_UNAVAILABLE);
    pair_close(&p);
    assert_int_equal(open_descriptors(), before);
}

/* Send octets with a descriptor from a bare socket. */
static void bare_send(int bare, struct span octets, int fd)
{
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(int))];
    } control = {.header = {.cmsg_len = CMSG_LEN(sizeof(int)),
                            .cmsg_level = SOL_SOCKET,
                            .cmsg_type = SCM_RIGHTS}};
    char copy[4096];
    struct iovec iov = {copy, octets.len};
    struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};

    assert_true(octets.len <= sizeof copy);
    memcpy(copy, octets.data, octets.len);
    if (fd >= 0) {
        memcpy(CMSG_DATA(&control.header), &fd, sizeof fd);
        m.msg_control = control.room;
        m.msg_controllen = sizeof control.room;
    }
    assert_int_equal(sendmsg(bare, &m, MSG_NOSIGNAL), (ssize_t)octets.len);
}

/* What breaks the protocol closes the channel, and no descriptor is left open. */
static void broken(void **state)
{
    const struct message_ping ping = {.id = 1};
    const struct message_listener listener = {.kind = 1, .address = span_of("x")};
    const struct message_verdict verdict = {.id = 1};
    const struct {
        const char *what;
        enum ipc_role self, peer;
        const void *message;
        enum ipc_type type;
        int fd;
        enum err result;
    } rows[] = {
        {"good", IPC_FRONT, IPC_SUPERVISOR, &ping, IPC_PING, -1, ERR_OK},
        {"a descriptor without its message", IPC_FRONT, IPC_SUPERVISOR, &ping, IPC_PING,
         STDOUT_FILENO, ERR_PROTOCOL},
        {"a message without its descriptor", IPC_FRONT, IPC_SUPERVISOR, &listener,
         IPC_LISTENER, -1, ERR_PROTOCOL},
        {"wrong sender", IPC_FRONT, IPC_SIGNER, &verdict, IPC_VERDICT, -1, ERR_PROTOCOL},
        {"wrong receiver", IPC_SIGNER, IPC_VALIDATOR, &verdict, IPC_VERDICT, -1,
         ERR_PROTOCOL},
        {"descriptor from a sibling is dropped", IPC_FRONT, IPC_VALIDATOR, &verdict,
         IPC_VERDICT, STDOUT_FILENO, ERR_OK},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct pair p;
        struct buf b = buf_make(4096);
        size_t before = open_descriptors();
        int bare = bare_open(&p, rows[i].self, rows[i].peer);
        enum err encoded = rows[i].type == IPC_PING ? ipc_encode_ping(&b, &ping, NULL)
                           : rows[i].type == IPC_LISTENER
                               ? ipc_encode_listener(&b, &listener, NULL)
                               : ipc_encode_verdict(&b, &verdict, NULL);
        assert_int_equal(encoded, ERR_OK);
        bare_send(bare, buf_span(&b), rows[i].fd);
        if (ipc_channel_on_readable(p.left, &p.why) != rows[i].result)
            fail_msg("%s: %s", rows[i].what, p.why.detail);
        assert_int_equal(ipc_channel_fd(p.left) >= 0, rows[i].result == ERR_OK);
        (void)close(bare);
        buf_free(&b);
        ipc_channel_free(p.left);
        assert_int_equal(open_descriptors(), before);
    }
}

static void not_ours_to_send(void **state)
{
    const struct message_verdict verdict = {.id = 1};
    const struct message_hello long_version = {.version = span_make("x", 65)};
    struct pair p;

    (void)state;
    pair_open(&p, IPC_FRONT, IPC_VALIDATOR);
    assert_int_equal(ipc_channel_send_verdict(p.left, &verdict, &p.why), ERR_PROTOCOL);
    assert_int_equal(ipc_channel_send_hello(p.left, &long_version, &p.why),
                     ERR_TOO_LARGE);
    send_check(p.left, 1); /* and the channel is as good as before */
    assert_int_equal(ipc_channel_on_readable(p.right, &p.why), ERR_OK);
    assert_int_equal(p.right_seen.count, 1);
    pair_close(&p);
}

static void garbage(void **state)
{
    struct pair p;
    int bare = bare_open(&p, IPC_VALIDATOR, IPC_FRONT);

    (void)state;
    bare_send(bare, span_of("GET / HTTP/1.1\r\n\r\n"), -1);
    assert_int_equal(ipc_channel_on_readable(p.left, &p.why), ERR_PROTOCOL);
    assert_int_equal(ipc_channel_fd(p.left), -1);
    assert_int_equal(p.left_seen.count, 0);
    (void)close(bare);
    ipc_channel_free(p.left);
}

static void handler_fails(void **state)
{
    struct pair p;

    (void)state;
    pair_open(&p, IPC_FRONT, IPC_VALIDATOR);
    p.right_seen.fail_at = 2;
    for (uint64_t id = 1; id <= 3; id++)
        send_check(p.left, id);
    assert_int_equal(ipc_channel_on_readable(p.right, &p.why), ERR_STORE);
    assert_string_equal(p.why.detail, "enough");
    assert_int_equal(p.right_seen.count, 2);
    assert_int_equal(ipc_channel_fd(p.right), -1);
    pair_close(&p);
}

/* Held messages leave with the outermost release. */
static void held(void **state)
{
    struct pair p;

    (void)state;
    pair_open(&p, IPC_FRONT, IPC_VALIDATOR);
    struct pollfd polled = {ipc_channel_fd(p.right), POLLIN, 0};
    ipc_channel_hold(p.left);
    ipc_channel_hold(p.left);
    send_check(p.left, 1);
    assert_int_equal(ipc_channel_release(p.left, &p.why), ERR_OK);
    assert_int_equal(poll(&polled, 1, 0), 0);
    assert_int_equal(ipc_channel_release(p.left, &p.why), ERR_OK);
    assert_int_equal(poll(&polled, 1, 0), 1);
    assert_int_equal(ipc_channel_on_readable(p.right, &p.why), ERR_OK);
    assert_int_equal(p.right_seen.count, 1);
    pair_close(&p);
}

static void waiting(void **state)
{
    struct pair p, q;
    size_t failed = 99;

    (void)state;
    pair_open(&p, IPC_FRONT, IPC_VALIDATOR);
    pair_open(&q, IPC_FRONT, IPC_SIGNER);
    struct ipc_channel *const channels[] = {NULL, p.left, q.left};
    assert_int_equal(ipc_channel_wait(channels, 3, 1, &failed, &p.why), ERR_TIMEOUT);
    const struct message_verdict verdict = {.id = 3};
    assert_int_equal(ipc_channel_send_verdict(p.right, &verdict, &p.why), ERR_OK);
    assert_int_equal(ipc_channel_wait(channels, 3, -1, &failed, &p.why), ERR_OK);
    assert_int_equal(p.left_seen.count, 1);
    assert_int_equal(failed, 99);
    ipc_channel_free(q.right);
    q.right = NULL;
    assert_int_equal(ipc_channel_wait(channels, 3, -1, &failed, &p.why), ERR_UNAVAILABLE);
    assert_int_equal(failed, 2);
    /* a closed one is passed over from now on */
    assert_int_equal(ipc_channel_wait(channels, 3, 1, &failed, &p.why), ERR_TIMEOUT);
    pair_close(&p);
    pair_close(&q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(question_and_answer),
        cmocka_unit_test(pieces),
        cmocka_unit_test(peer_dies),
        cmocka_unit_test(replaced),
        cmocka_unit_test(descriptors),
        cmocka_unit_test(descriptors_waiting),
        cmocka_unit_test(broken),
        cmocka_unit_test(not_ours_to_send),
        cmocka_unit_test(garbage),
        cmocka_unit_test(handler_fails),
        cmocka_unit_test(held),
        cmocka_unit_test(waiting),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
