/* TCP sockets. */
#include "core/net/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

static bool set_flag(int fd, int level, int option, int value)
{
    return setsockopt(fd, level, option, &value, sizeof value) == 0;
}

static enum err fail_closing(int fd, struct err_info *why, const char *what,
                             const struct address *a)
{
    char text[ADDRESS_TEXT_SIZE];
    int os_error = errno;

    if (fd >= 0)
        (void)close(fd);
    address_text_with_port(a, text);
    return err_set_os(why, ERR_NETWORK, os_error, "cannot %s %s", what, text);
}

static int new_socket(const struct address *a)
{
    int family = a->family == ADDRESS_V4 ? AF_INET : AF_INET6;

    return socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

enum err socket_listen(const struct address *a, bool reuse_port, int *fd,
                       struct err_info *why)
{
    struct sockaddr_storage sa;
    socklen_t size = address_to_sockaddr(a, &sa);
    int s = new_socket(a);

    if (s < 0 || !set_flag(s, SOL_SOCKET, SO_REUSEADDR, 1) ||
        (reuse_port && !set_flag(s, SOL_SOCKET, SO_REUSEPORT, 1)) ||
        (a->family == ADDRESS_V6 && !set_flag(s, IPPROTO_IPV6, IPV6_V6ONLY, 0)) ||
        bind(s, (const struct sockaddr *)&sa, size) != 0 ||
        listen(s, SOCKET_BACKLOG) != 0)
        return fail_closing(s, why, "listen on", a);
    *fd = s;
    return ERR_OK;
}

enum err socket_adopt_listener(int fd, struct err_info *why)
{
    int listens = 0;
    socklen_t size = sizeof listens;

    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) != 0)
        return err_set_os(why, ERR_NETWORK, errno, "descriptor %d is no socket", fd);
    if (listens == 0)
        return err_set(why, ERR_NETWORK, "the socket at descriptor %d does not listen",
                       fd);
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ||
        fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
        return err_set_os(why, ERR_NETWORK, errno, "cannot set up descriptor %d", fd);
    return ERR_OK;
}

enum socket_accept_result socket_accept(int listener, int *fd, struct address *peer)
{
    struct sockaddr_storage sa = {0};
    socklen_t size = sizeof sa;
    int s =
        accept4(listener, (struct sockaddr *)&sa, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (s >= 0) {
        /* fails on a Unix socket, which has no such delay */
        (void)set_flag(s, IPPROTO_TCP, TCP_NODELAY, 1);
        *peer = address_from_sockaddr((const struct sockaddr *)&sa);
        *fd = s;
        return SOCKET_ACCEPTED;
    }
    switch (errno) {
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
        return SOCKET_EXHAUSTED;
    case EBADF:
    case EINVAL:
    case ENOTSOCK:
    case EOPNOTSUPP:
    case EFAULT:
        return SOCKET_FAILED;
    default: /* nobody there, interrupted, or an error of the connection (accept(2)) */
        return SOCKET_NOTHING;
    }
}

enum err socket_connect_begin(const struct address *to, int *fd, struct err_info *why)
{
    struct sockaddr_storage sa;
    socklen_t size = address_to_sockaddr(to, &sa);
    int s = new_socket(to);

    if (s < 0 || !set_flag(s, IPPROTO_TCP, TCP_NODELAY, 1) ||
        (connect(s, (const struct sockaddr *)&sa, size) != 0 && errno != EINPROGRESS))
        return fail_closing(s, why, "connect to", to);
    *fd = s;
    return ERR_OK;
}

enum err socket_connect_end(int fd, struct err_info *why)
{
    int os_error = 0;
    socklen_t size = sizeof os_error;

    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &os_error, &size) != 0)
        os_error = errno;
    if (os_error != 0)
        return err_set_os(why, ERR_NETWORK, os_error, "cannot connect");
    return ERR_OK;
}

enum err socket_local_address(int fd, struct address *a, struct err_info *why)
{
    struct sockaddr_storage sa = {0};
    socklen_t size = sizeof sa;

    if (getsockname(fd, (struct sockaddr *)&sa, &size) != 0)
        return err_set_os(why, ERR_NETWORK, errno, "cannot tell a socket's address");
    *a = address_from_sockaddr((const struct sockaddr *)&sa);
    return ERR_OK;
}
