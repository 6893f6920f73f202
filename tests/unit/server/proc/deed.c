/* Deeds of a sandboxed process; see deed.h. */
#include "deed.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

struct deed_world deed_world;

static int outcome(int result)
{
    int os_error = errno;

    if (result >= 0)
        return DEED_WENT_WELL;
    return os_error;
}

int deed_nothing(void)
{
    return DEED_WENT_WELL;
}

int deed_read_inside(void)
{
    char octets[8];
    int fd = open(deed_world.inside, O_RDONLY | O_CLOEXEC);

    return fd < 0 ? errno : outcome((int)read(fd, octets, sizeof octets));
}

int deed_read_outside(void)
{
    return outcome(open(deed_world.outside, O_RDONLY | O_CLOEXEC));
}

int deed_read_passwd(void)
{
    return outcome(open("/etc/passwd", O_RDONLY | O_CLOEXEC));
}

int deed_write_inside(void)
{
    int fd = open(deed_world.inside, O_WRONLY | O_CLOEXEC);

    return fd < 0 ? errno : outcome((int)write(fd, "new", 3));
}

int deed_create_inside(void)
{
    char path[96];

    (void)snprintf(path, sizeof path, "%s.%ld", deed_world.inside, (long)getpid());
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    return fd < 0 ? errno : outcome(unlink(path));
}

int deed_execute(void)
{
    return outcome(execl("/bin/true", "true", (char *)NULL));
}

int deed_trace(void)
{
    return outcome((int)ptrace(PTRACE_TRACEME, 0, NULL, NULL));
}

int deed_make_process(void)
{
    pid_t pid = fork();

    if (pid == 0)
        _exit(0);
    return outcome(pid);
}

static void *do_nothing(void *argument)
{
    return argument;
}

int deed_make_thread(void)
{
    pthread_t thread;
    int result = pthread_create(&thread, NULL, do_nothing, NULL);

    if (result == 0)
        (void)pthread_join(thread, NULL);
    return result;
}

int deed_make_tcp_socket(void)
{
    return outcome(socket(AF_INET, SOCK_STREAM, 0));
}

int deed_make_udp_socket(void)
{
    return outcome(socket(AF_INET6, SOCK_DGRAM, 0));
}

int deed_make_unix_socket(void)
{
    return outcome(socket(AF_UNIX, SOCK_STREAM, 0));
}

int deed_make_packet_socket(void)
{
    return outcome(socket(AF_PACKET, SOCK_RAW, 0));
}

static struct sockaddr_in address_of(uint16_t number)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons(number),
                                .sin_addr = {htonl(INADDR_LOOPBACK)}};
}

int deed_connect_out(void)
{
    struct sockaddr_in to = address_of(deed_world.port);
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    return fd < 0 ? errno : outcome(connect(fd, (const struct sockaddr *)&to, sizeof to));
}

int deed_bind_tcp(void)
{
    struct sockaddr_in at = address_of(0);
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    return fd < 0 ? errno : outcome(bind(fd, (const struct sockaddr *)&at, sizeof at));
}

int deed_accept_connection(void)
{
    int fd = accept(deed_world.listener, NULL, NULL);

    return fd >= 0 || errno == EAGAIN ? DEED_WENT_WELL : errno;
}

int deed_truncate_inside(void)
{
    return outcome(open(deed_world.inside, O_WRONLY | O_TRUNC | O_CLOEXEC));
}

int deed_rename_inside(void)
{
    return outcome(rename(deed_world.inside, deed_world.outside));
}

int deed_remove_inside(void)
{
    return outcome(unlink(deed_world.inside));
}

int deed_give_away(void)
{
    return outcome(chown(deed_world.inside, 0, 0));
}

/* Signal 0: nothing arrives, but the right to send is asked for. */
int deed_kill_parent(void)
{
    return outcome(kill(deed_world.parent, 0));
}

int deed_kill_all(void)
{
    return outcome(kill(-1, 0));
}

int deed_kill_itself(void)
{
    return outcome(kill(getpid(), 0));
}

int deed_get_uid_back(void)
{
    if (getuid() == 0)
        return EPERM; /* it was never given up */
    return outcome(setresuid(0, 0, 0));
}

int deed_get_group_back(void)
{
    return outcome(setresgid(0, 0, 0));
}

int deed_has_no_dumps(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_CORE, &limit) != 0)
        return errno;
    return limit.rlim_max == 0 && prctl(PR_GET_DUMPABLE) == 0 &&
                   prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1
               ? DEED_WENT_WELL
               : 1;
}

int deed_change_limits_of_parent(void)
{
    const struct rlimit limit = {10, 10};

    return outcome(prlimit(deed_world.parent, RLIMIT_NOFILE, &limit, NULL));
}

int deed_mount_something(void)
{
    return outcome(mount("none", "/tmp", "tmpfs", 0, NULL));
}

int deed_change_root(void)
{
    return outcome(chroot("/tmp"));
}

int deed_leave_namespace(void)
{
    return outcome(unshare(CLONE_NEWUSER));
}

int deed_read_memory_of_parent(void)
{
    char to[8];
    const struct iovec here = {to, sizeof to};
    const struct iovec there = {(void *)(uintptr_t)deed_world.outside, sizeof to};

    return outcome((int)process_vm_readv(deed_world.parent, &here, 1, &there, 1, 0));
}

int deed_have_dumps_again(void)
{
    const struct rlimit limit = {1 << 20, 1 << 20};

    return outcome(setrlimit(RLIMIT_CORE, &limit));
}
