/* Tests of server/proc/sandbox*: each deed is done by a child inside a sandbox, and its
 * exit code says what came of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "deed.h"
#include "server/proc/sandbox.h"

#define ANOTHER_UID 64391

#define WENT_WELL   DEED_WENT_WELL
#define NOT_ENTERED 250 /* exit code: the sandbox itself failed */
#define KILLED      (-SIGSYS)
#define ROLES       5

static char directory[] = "/tmp/cairn-sandbox-XXXXXX";

/* --- the sandbox around them -------------------------------------------------------- */

enum who {
    OTHER_USER,   /* started as root, another user by the sandbox */
    ORDINARY_USER /* started without rights: the sandbox has no user to change to */
};

/* In the child: enter, do the deed, end with what came of it. */
static _Noreturn void act(const struct sandbox_plan *plan, int (*deed)(void))
{
    struct err_info why = {0};

    deed_world.parent = getppid();
    if (sandbox_enter(plan, &why) != ERR_OK) {
        (void)fprintf(stderr, "%s\n", why.detail);
        _exit(NOT_ENTERED);
    }
    _exit(deed());
}

static int outcome_of_child(pid_t pid)
{
    int status = 0;

    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

/* Between the test and the child, so that the child's parent is of the child's user: what
 * is refused then is refused by the sandbox, not because the users differ. */
static _Noreturn void stand_between(enum who who, struct sandbox_plan *plan,
                                    int (*deed)(void))
{
    int status = 0;

    if (who == ORDINARY_USER && geteuid() == 0 &&
        (setgroups(0, NULL) != 0 ||
         setresgid(ANOTHER_UID, ANOTHER_UID, ANOTHER_UID) != 0 ||
         setresuid(ANOTHER_UID, ANOTHER_UID, ANOTHER_UID) != 0))
        _exit(NOT_ENTERED);
    pid_t pid = fork();
    if (pid == 0)
        act(plan, deed);
    if (who == OTHER_USER && setresuid(ANOTHER_UID, ANOTHER_UID, ANOTHER_UID) != 0)
        _exit(NOT_ENTERED);
    if (waitpid(pid, &status, 0) != pid)
        _exit(NOT_ENTERED);
    if (WIFSIGNALED(status)) {
        (void)signal(WTERMSIG(status), SIG_DFL); /* cmocka has handlers */
        (void)raise(WTERMSIG(status));
    }
    _exit(WEXITSTATUS(status));
}

/* Run the deed in a sandbox; WENT_WELL, an errno value, or minus a signal. */
static int run(enum ipc_role role, enum who who, const struct jail_path *paths,
               size_t path_count, int (*deed)(void))
{
    uid_t uid = who == OTHER_USER ? ANOTHER_UID : 0;
    struct sandbox_plan plan = {
        .role = role, .uid = uid, .gid = uid, .paths = paths, .path_count = path_count};
    pid_t pid = fork();

    if (pid == 0)
        stand_between(who, &plan, deed);
    return outcome_of_child(pid);
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
        if (fd < 0 || fchmod(fd, 0666) != 0 || write(fd, "old", 3) != 3 || close(fd) != 0)
            return -1;
    }
    deed_world.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (bind(deed_world.listener, (const struct sockaddr *)&at, sizeof at) != 0 ||
        listen(deed_world.listener, 100) != 0 ||
        getsockname(deed_world.listener, (struct sockaddr *)&at, &len) != 0)
        return -1;
    deed_world.port = ntohs(at.sin_port);
    return 0;
}

static int tear_down(void **state)
{
    DIR *folder = opendir(directory);

    (void)state;
    (void)close(deed_world.listener);
    if (folder == NULL)
        return -1;
    /* also what a deed made and was not allowed to remove */
    for (struct dirent *e = readdir(folder); e != NULL; e = readdir(folder))
        (void)unlinkat(dirfd(folder), e->d_name, 0);
    (void)closedir(folder);
    return rmdir(directory);
}

/* --- tests -------------------------------------------------------------------------- */

static const enum ipc_role roles[ROLES] = {IPC_FRONT, IPC_VALIDATOR, IPC_SIGNER,
                                           IPC_RELAY, IPC_DOOR};

struct row {
    const char *name;
    int (*deed)(void);
    int expected[ROLES]; /* front, validator, signer, relay, door */
};

static void check_rows(enum who who, const struct jail_path *paths, size_t path_count,
                       const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        for (size_t r = 0; r < ROLES; r++) {
            int got = run(roles[r], who, paths, path_count, rows[i].deed);
            if (got != rows[i].expected[r])
                fail_msg("%s as the %s, who %d: %d, not %d", rows[i].name,
                         ipc_role_name(roles[r]), (int)who, got, rows[i].expected[r]);
        }
    }
}

#define ROW_OF(what, front, validator, signer, door)                                     \
    {                                                                                    \
        .name = #what, .deed = deed_##what, .expected = {                                \
            front,                                                                       \
            validator,                                                                   \
            signer,                                                                      \
            validator,                                                                   \
            door                                                                         \
        }                                                                                \
    }
/* The relay may do what the validator may; the door too, but on the network what the
 * front may. */
#define ROW(what, front, validator, signer)                                              \
    ROW_OF(what, front, validator, signer, validator)
#define NETWORK_ROW(what, front, validator, signer)                                      \
    ROW_OF(what, front, validator, signer, front)
#define COUNT(rows) (sizeof(rows) / sizeof(rows)[0])

/* Every way to be started that this machine allows. */
static void check(const struct jail_path *paths, size_t path_count,
                  const struct row *rows, size_t count)
{
    check_rows(ORDINARY_USER, paths, path_count, rows, count);
    if (geteuid() == 0)
        check_rows(OTHER_USER, paths, path_count, rows, count);
}

/* Nobody is a stranger among syscalls: some kill, some are refused. */
static void rights(void **state)
{
    int bind_by_validator = jail_landlock_abi() >= 4 ? EACCES : WENT_WELL;
    const struct row rows[] = {
        ROW(nothing, WENT_WELL, WENT_WELL, WENT_WELL),
        ROW(make_thread, WENT_WELL, WENT_WELL, WENT_WELL),
        ROW(kill_itself, WENT_WELL, WENT_WELL, WENT_WELL),
        ROW(has_no_dumps, WENT_WELL, WENT_WELL, WENT_WELL),
        ROW(have_dumps_again, EPERM, EPERM, EPERM),
        ROW(execute, KILLED, KILLED, KILLED),
        ROW(trace, KILLED, KILLED, KILLED),
        ROW(read_memory_of_parent, KILLED, KILLED, KILLED),
        ROW(mount_something, KILLED, KILLED, KILLED),
        ROW(change_root, KILLED, KILLED, KILLED),
        ROW(leave_namespace, KILLED, KILLED, KILLED),
        ROW(make_process, EPERM, EPERM, EPERM),
        ROW(kill_parent, EPERM, EPERM, EPERM),
        ROW(kill_all, EPERM, EPERM, EPERM),
        ROW(change_limits_of_parent, EPERM, EPERM, EPERM),
        ROW(get_uid_back, EPERM, EPERM, EPERM),
        ROW(get_group_back, EPERM, EPERM, EPERM),
        NETWORK_ROW(accept_connection, WENT_WELL, EPERM, EPERM),
        NETWORK_ROW(make_tcp_socket, EPERM, WENT_WELL, EPERM),
        NETWORK_ROW(make_udp_socket, EPERM, WENT_WELL, EPERM),
        NETWORK_ROW(make_unix_socket, EPERM, EPERM, EPERM),
        NETWORK_ROW(make_packet_socket, EPERM, EPERM, EPERM),
        NETWORK_ROW(connect_out, EPERM, WENT_WELL, EPERM),
        NETWORK_ROW(bind_tcp, EPERM, bind_by_validator, EPERM),
    };

    (void)state;
    check(NULL, 0, rows, COUNT(rows));
}

/* No path, as all three run: nothing at all can be opened. */
static void no_path(void **state)
{
    static const struct row rows[] = {
        ROW(read_inside, EACCES, EACCES, EACCES),
        ROW(read_outside, EACCES, EACCES, EACCES),
        ROW(read_passwd, EACCES, EACCES, EACCES),
        ROW(write_inside, EACCES, EACCES, EACCES),
        ROW(truncate_inside, EACCES, EACCES, EACCES),
        ROW(create_inside, EACCES, EACCES, EACCES),
        ROW(remove_inside, EACCES, EPERM, EACCES),
        ROW(rename_inside, EACCES, EPERM, EACCES),
        ROW(give_away, EPERM, EPERM, EPERM),
    };

    (void)state;
    if (jail_landlock_abi() == 0)
        skip();
    check(NULL, 0, rows, COUNT(rows));
}

static void a_file_to_read(void **state)
{
    const struct jail_path paths[] = {{deed_world.inside, JAIL_READ, false, -1},
                                      {"/does/not/exist", JAIL_READ, true, -1}};
    static const struct row rows[] = {
        ROW(read_inside, WENT_WELL, WENT_WELL, WENT_WELL),
        ROW(read_outside, EACCES, EACCES, EACCES),
        ROW(read_passwd, EACCES, EACCES, EACCES),
        ROW(write_inside, EACCES, EACCES, EACCES),
        ROW(create_inside, EACCES, EACCES, EACCES),
        ROW(remove_inside, EACCES, EPERM, EACCES),
    };

    (void)state;
    if (jail_landlock_abi() == 0)
        skip();
    check(paths, COUNT(paths), rows, COUNT(rows));
}

static void a_file_to_change(void **state)
{
    const struct jail_path paths[] = {{deed_world.inside, JAIL_READ_WRITE, false, -1}};
    static const struct row rows[] = {
        ROW(read_inside, WENT_WELL, WENT_WELL, WENT_WELL),
        ROW(write_inside, WENT_WELL, WENT_WELL, WENT_WELL),
        ROW(read_outside, EACCES, EACCES, EACCES),
        ROW(create_inside, EACCES, EACCES, EACCES),
        ROW(remove_inside, EACCES, EPERM, EACCES),
        ROW(rename_inside, EACCES, EPERM, EACCES),
    };

    (void)state;
    if (jail_landlock_abi() == 0)
        skip();
    check(paths, COUNT(paths), rows, COUNT(rows));
}

/* The validator may not remove even where files may be removed: it has no such syscall.
 */
static void a_folder_to_change(void **state)
{
    const struct jail_path paths[] = {{directory, JAIL_READ_WRITE, false, -1}};
    static const struct row rows[] = {
        ROW(create_inside, WENT_WELL, EPERM, WENT_WELL),
        ROW(read_outside, WENT_WELL, WENT_WELL, WENT_WELL),
        ROW(read_passwd, EACCES, EACCES, EACCES),
        ROW(execute, KILLED, KILLED, KILLED),
    };

    (void)state;
    if (jail_landlock_abi() == 0)
        skip();
    check(paths, COUNT(paths), rows, COUNT(rows));
}

/* What the module of a token may have besides; nothing else comes with it. */
static void sockets_for_a_module(void **state)
{
    int bind_anywhere = jail_landlock_abi() >= 4 ? EACCES : WENT_WELL;
    int read_passwd = jail_landlock_abi() >= 1 ? EACCES : WENT_WELL;
    const struct {
        const char *name;
        int (*deed)(void);
        int expected[3]; /* none, local, network */
    } rows[] = {
        {"unix socket", deed_make_unix_socket, {EPERM, WENT_WELL, WENT_WELL}},
        {"TCP socket", deed_make_tcp_socket, {EPERM, EPERM, WENT_WELL}},
        {"UDP socket", deed_make_udp_socket, {EPERM, EPERM, WENT_WELL}},
        {"connect", deed_connect_out, {EPERM, EPERM, WENT_WELL}},
        {"bind", deed_bind_tcp, {EPERM, EPERM, bind_anywhere}},
        {"accept", deed_accept_connection, {EPERM, EPERM, EPERM}},
        {"packet socket", deed_make_packet_socket, {EPERM, EPERM, EPERM}},
        {"read", deed_read_passwd, {read_passwd, read_passwd, read_passwd}},
        {"execute", deed_execute, {KILLED, KILLED, KILLED}},
    };
    static const enum jail_sockets kinds[] = {JAIL_SOCKETS_NONE, JAIL_SOCKETS_LOCAL,
                                              JAIL_SOCKETS_ALL};

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        for (size_t kind = 0; kind < COUNT(kinds); kind++) {
            struct sandbox_plan plan = {.role = IPC_SIGNER, .sockets = kinds[kind]};
            pid_t pid = fork();
            if (pid == 0)
                stand_between(ORDINARY_USER, &plan, rows[i].deed);
            int got = outcome_of_child(pid);
            if (got != rows[i].expected[kind])
                fail_msg("%s with sockets %zu: %d, not %d", rows[i].name, kind, got,
                         rows[i].expected[kind]);
        }
    }
}

/* Real, effective and saved, user and groups: asked of the kernel from outside. */
static void another_user(void **state)
{
    const struct sandbox_plan plan = {
        .role = IPC_SIGNER, .uid = ANOTHER_UID, .gid = ANOTHER_UID};
    char path[64], line[256];
    int ready[2], found = 0;

    (void)state;
    if (geteuid() != 0)
        skip();
    assert_int_equal(pipe(ready), 0);
    pid_t pid = fork();
    if (pid == 0) {
        struct err_info why = {0};
        bool good = sandbox_enter(&plan, &why) == ERR_OK && write(ready[1], "x", 1) == 1;
        while (good)
            (void)usleep(10000);
        _exit(NOT_ENTERED);
    }
    (void)close(ready[1]);
    assert_int_equal(read(ready[0], line, 1), 1);
    (void)snprintf(path, sizeof path, "/proc/%ld/status", (long)pid);
    FILE *status = fopen(path, "r");
    assert_non_null(status);
    while (fgets(line, sizeof line, status) != NULL) {
        found += strcmp(line, "Uid:\t64391\t64391\t64391\t64391\n") == 0;
        found += strcmp(line, "Gid:\t64391\t64391\t64391\t64391\n") == 0;
        found += strcmp(line, "Groups:\t \n") == 0;
        found += strcmp(line, "CapPrm:\t0000000000000000\n") == 0;
        found += strcmp(line, "NoNewPrivs:\t1\n") == 0;
        found += strcmp(line, "Seccomp:\t2\n") == 0;
    }
    (void)fclose(status);
    (void)close(ready[0]);
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(outcome_of_child(pid), -SIGKILL);
    assert_int_equal(found, 6);
}

static void *wait_long(void *argument)
{
    (void)usleep(1000 * 1000 * 1000);
    return argument;
}

/* What cannot be entered is said, and the caller must not go on. */
static void refusals(void **state)
{
    const struct jail_path missing[] = {{"/does/not/exist", JAIL_READ, false, -1}};
    const struct sandbox_plan plans[] = {
        {.role = IPC_SIGNER, .paths = missing, .path_count = 1},
        {.role = IPC_SIGNER},
    };
    static const enum err expected[] = {ERR_NOT_FOUND, ERR_INTERNAL};

    (void)state;
    for (size_t i = 0; i < COUNT(plans); i++) {
        pid_t pid = fork();
        if (pid == 0) {
            pthread_t thread;
            struct err_info why = {0};
            if (i == 1 && pthread_create(&thread, NULL, wait_long, NULL) != 0)
                _exit(NOT_ENTERED);
            _exit(sandbox_enter(&plans[i], &why) == expected[i] && why.detail[0] != '\0'
                      ? WENT_WELL
                      : 1);
        }
        if (i == 0 && jail_landlock_abi() == 0)
            assert_int_not_equal(outcome_of_child(pid), NOT_ENTERED);
        else
            assert_int_equal(outcome_of_child(pid), WENT_WELL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rights),
        cmocka_unit_test(no_path),
        cmocka_unit_test(a_file_to_read),
        cmocka_unit_test(a_file_to_change),
        cmocka_unit_test(a_folder_to_change),
        cmocka_unit_test(sockets_for_a_module),
        cmocka_unit_test(another_user),
        cmocka_unit_test(refusals),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
