/* Waiting for several channels without an event loop. */
#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "server/proc/ipc_channel.h"

#define WAIT_CHANNELS_MAX 8

static void drain(int fd)
{
    char octets[64];

    while (read(fd, octets, sizeof octets) > 0)
        continue;
}

enum err ipc_channel_wait(struct ipc_channel *const *channels, size_t count,
                          int timeout_ms, size_t *failed, struct err_info *why)
{
    return ipc_channel_wait_or(channels, count, -1, timeout_ms, failed, why);
}

enum err ipc_channel_wait_or(struct ipc_channel *const *channels, size_t count, int wake,
                             int timeout_ms, size_t *failed, struct err_info *why)
{
    struct pollfd polled[WAIT_CHANNELS_MAX + 1];
    int ready;

    if (count > WAIT_CHANNELS_MAX)
        return err_set(why, ERR_INTERNAL, "too many channels to wait for");
    for (size_t i = 0; i < count; i++) {
        polled[i].fd = channels[i] != NULL ? ipc_channel_fd(channels[i]) : -1;
        polled[i].revents = 0;
        polled[i].events = POLLIN;
        if (channels[i] != NULL && ipc_channel_wants_write(channels[i]))
            polled[i].events = POLLIN | POLLOUT;
    }
    polled[count] = (struct pollfd){.fd = wake, .events = POLLIN};
    do
        ready = poll(polled, (nfds_t)count + 1, timeout_ms);
    while (ready < 0 && errno == EINTR);
    if (ready < 0)
        return err_set_os(why, ERR_IO, errno, "waiting for messages");
    if (ready == 0)
        return err_set(why, ERR_TIMEOUT, "no message within %d ms", timeout_ms);
    if (polled[count].revents != 0)
        drain(wake);
    for (size_t i = 0; i < count; i++) {
        enum err result = ERR_OK;
        /* a handler may have replaced or closed a channel since the poll */
        if (polled[i].revents == 0 || ipc_channel_fd(channels[i]) != polled[i].fd)
            continue;
        if ((polled[i].revents & POLLOUT) != 0)
            result = ipc_channel_on_writable(channels[i], why);
        if (result == ERR_OK && (polled[i].revents & ~POLLOUT) != 0)
            result = ipc_channel_on_readable(channels[i], why);
        if (result != ERR_OK) {
            *failed = i;
            return result;
        }
    }
    return ERR_OK;
}
