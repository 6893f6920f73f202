/* One datagram to the service manager, sd_notify(3). */
#include "core/base/notify.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/span.h"
#include "core/base/text.h"

enum err notify_send(const char *state, struct err_info *why)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un to = {.sun_family = AF_UNIX};

    if (path == NULL)
        return ERR_OK;
    size_t len = strlen(path);
    if ((path[0] != '/' && path[0] != '@') || len < 2 || len >= sizeof to.sun_path)
        return err_set(why, ERR_CONFIG, "NOTIFY_SOCKET is no address: %s", path);
    memcpy(to.sun_path, path, len);
    if (path[0] == '@')
        to.sun_path[0] = '\0'; /* unix(7): abstract, its length counts */
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return err_set_os(why, ERR_IO, errno, "no socket for NOTIFY_SOCKET");
    ssize_t sent = sendto(fd, state, strlen(state), MSG_NOSIGNAL | MSG_DONTWAIT,
                          (const struct sockaddr *)&to,
                          (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len));
    int os_error = errno;
    (void)close(fd);
    if (sent < 0)
        return err_set_os(why, ERR_IO, os_error, "telling %s", path);
    return ERR_OK;
}

enum err notify_reloading(struct err_info *why)
{
    char state[64];

    (void)snprintf(state, sizeof state, "RELOADING=1\nMONOTONIC_USEC=%lld",
                   (long long)clock_monotonic_us());
    return notify_send(state, why);
}

uint64_t notify_watchdog_us(void)
{
    const char *period = getenv("WATCHDOG_USEC");
    const char *pid = getenv("WATCHDOG_PID");
    uint64_t number;

    if (period == NULL)
        return 0;
    if (pid != NULL &&
        (!text_number(span_of(pid), INT32_MAX, &number) || (pid_t)number != getpid()))
        return 0;
    return text_number(span_of(period), UINT64_MAX / 2, &number) ? number : 0;
}
