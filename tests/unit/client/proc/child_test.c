/* Tests of client/proc/child: what each kind of child can do and what not. A deed is done
 * by a child, whose exit code says what came of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../server/proc/deed.h"
#include "client/proc/child.h"
#include "core/jail/jail.h"

#define WENT_WELL DEED_WENT_WELL
#define KILLED    (-SIGSYS)
#define KINDS     4
#define HIGH_FD   100

static const enum child_kind kinds[KINDS] = {CHILD_STRANGER, CHILD_LISTENER, CHILD_DEVICE,
                                             CHILD_MODULE};

struct row {
    const char *name;
    int (*deed)(void);
    int expected[KINDS];
};

#define ROW(what, ...)                                                                   \
    {                                                                                    \
        .name = #what, .deed = deed_##what, .expected = { __VA_ARGS__ }                  \
    }
#define ALL(what, outcome) ROW(what, outcome, outcome, outcome, outcome)
#define COUNT(rows)        (sizeof(rows) / sizeof(rows)[0])

static char directory[] = "/tmp/cairn-child-XXXXXX";
static int (*chosen)(void);

static int run_deed(int fd)
{
    (void)fd;
    return chosen();
}

static int outcome(enum child_kind kind, int (*deed)(void))
{
    struct child child = {0};
    struct err_info why = {0};
    int status = 0;

    chosen = deed;
    deed_world.parent = getpid();
    assert_int_equal(child_start(kind, run_deed, &child, &why), ERR_OK);
    assert_int_equal(waitpid(child.pid, &status, 0), child.pid);
    (void)close(child.fd);
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static void check(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < KINDS; k++) {
            int got = outcome(kinds[k], rows[i].deed);
            if (got != rows[i].expected[k])
                fail_msg("%s by kind %d: %d, not %d", rows[i].name, (int)kinds[k], got,
                         rows[i].expected[k]);
        }
    }
}

static int set_up(void **state)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof at;

    (void)state;
    if (mkdtemp(directory) == NULL || chmod(directory, 0777) != 0)
        return -1;
    (void)snprintf(deed_world.inside, sizeof deed_world.inside, "%s/inside", directory);
    (void)snprintf(deed_world.outside, sizeof deed_world.outside, "%s/outside",
                   directory);
    for (int i = 0; i < 2; i++) {
        int fd = open(i == 0 ? deed_world.inside : deed_world.outside,
                      O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
        if (fd < 0 || fchmod(fd, 0666) != 0 || close(fd) != 0)
            return -1;
    }
    /* a number that no child has anything at */
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    deed_world.listener = fcntl(fd, F_DUPFD_CLOEXEC, HIGH_FD);
    (void)close(fd);
    if (bind(deed_world.listener, (struct sockaddr *)&at, sizeof at) != 0 ||
        listen(deed_world.listener, 100) != 0 ||
        getsockname(deed_world.listener, (struct sockaddr *)&at, &len) != 0)
        return -1;
    deed_world.port = ntohs(at.sin_port);
    return 0;
}

static int tear_down(void **state)
{
    char *command[] = {(char[]){"rm"}, (char[]){"-rf"}, directory, NULL};

    (void)state;
    (void)close(deed_world.listener);
    pid_t child = fork();
    if (child == 0) {
        execv("/bin/rm", command);
        _exit(1);
    }
    return child > 0 ? 0 : -1;
}

static void no_rights(void **state)
{
    static const struct row rows[] = {
        ALL(nothing, WENT_WELL),
        ALL(make_thread, WENT_WELL), /* of libcurl, for names */
        ALL(execute, KILLED),
        ALL(trace, KILLED),
        ALL(read_memory_of_parent, KILLED),
        ALL(mount_something, KILLED),
        ALL(change_root, KILLED),
        ALL(leave_namespace, KILLED),
        ALL(make_process, EPERM),
        ALL(kill_parent, EPERM),
        ALL(kill_all, EPERM),
        ALL(change_limits_of_parent, EPERM),
        ALL(get_uid_back, EPERM),
        ALL(get_group_back, EPERM),
        ALL(has_no_dumps, WENT_WELL),
        ALL(have_dumps_again, EPERM),
        ALL(give_away, EPERM),
    };

    (void)state;
    check(rows, COUNT(rows));
}

static void sockets(void **state)
{
    int bound = jail_landlock_abi() >= 4 ? EACCES : WENT_WELL;
    const struct row rows[] = {
        ALL(make_packet_socket, EPERM),
        ALL(bind_tcp, bound),
        ROW(make_unix_socket, WENT_WELL, EPERM, WENT_WELL, WENT_WELL),
        ALL(make_tcp_socket, WENT_WELL),
        ALL(connect_out, WENT_WELL),
        /* the test's socket is closed in a child: what is refused is so before that */
        ROW(accept_connection, EPERM, EBADF, EPERM, EPERM),
    };

    (void)state;
    check(rows, COUNT(rows));
}

/* Such as the state folder. */
static void files(void **state)
{
    static const struct row rows[] = {
        ALL(read_passwd, WENT_WELL),
        ROW(read_outside, EACCES, EACCES, EACCES, WENT_WELL),
        ROW(write_inside, EACCES, EACCES, EACCES, WENT_WELL),
        ROW(truncate_inside, EACCES, EACCES, EACCES, WENT_WELL),
        ROW(create_inside, EACCES, EACCES, EACCES, WENT_WELL),
        ROW(remove_inside, EPERM, EPERM, EPERM, WENT_WELL),
    };

    (void)state;
    if (jail_landlock_abi() == 0)
        skip();
    check(rows, COUNT(rows));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_rights),
        cmocka_unit_test(sockets),
        cmocka_unit_test(files),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
