/* A channel of typed messages over a stream socket pair.
 *
 * It never blocks by itself: an event loop watches ipc_channel_fd and calls
 * ipc_channel_on_readable and ipc_channel_on_writable; a simple process calls
 * ipc_channel_wait. Any thread may send; one thread receives. Messages sent while others
 * are being written, or from within the handler, leave together in one write. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "core/base/err.h"
#include "server/proc/ipc.h"

#define IPC_CHANNEL_QUEUE_MAX       (8U * 1024U * 1024U) /* octets waiting to be written */
#define IPC_CHANNEL_DESCRIPTORS_MAX 32U /* descriptors waiting, per direction */

struct ipc_channel;

/* Called for each message, on the thread that reads; spans are valid during the call. The
 * handler owns a descriptor that comes with the message. It may send on any channel. An
 * error stops the reading and is returned by ipc_channel_on_readable. */
typedef enum err ipc_handler(struct ipc_channel *c, struct ipc_message *m, void *context,
                             struct err_info *why);

/* A channel over `fd` (owned from now on, made non-blocking; -1: closed until
 * ipc_channel_replace) where `self` talks to `peer`. Descriptors are taken from
 * peers only that have messages with one. */
struct ipc_channel *ipc_channel_new(int fd, enum ipc_role self, enum ipc_role peer,
                                    ipc_handler *handler, void *context);

/* Close and free; queued messages are lost. NULL is fine. */
void ipc_channel_free(struct ipc_channel *c);

/* Go on with a new socket (owned) after the peer was started again: half-read and queued
 * octets are dropped, so nothing of the old conversation leaks into the new one. Requests
 * in flight are the caller's to fail. Not from within the channel's own handler. */
void ipc_channel_replace(struct ipc_channel *c, int fd);

/* The socket, for an event loop; -1 after the peer is gone. It changes by
 * ipc_channel_replace. */
int ipc_channel_fd(const struct ipc_channel *c);
enum ipc_role ipc_channel_peer(const struct ipc_channel *c);

/* Is there something that can be written only when the socket has room again? */
bool ipc_channel_wants_write(struct ipc_channel *c);

/* `call(context)` when a send left something that waits for room in the socket, on the
 * thread that sent: let it wake the event loop. Set before other threads send. */
void ipc_channel_set_blocked(struct ipc_channel *c, void (*call)(void *context),
                             void *context);

/* Read what is there (at most a few hundred kilobytes a call) and hand over each message.
 * ERR_UNAVAILABLE: the peer closed; ERR_PROTOCOL; ERR_IO; or what the handler returned.
 * After an error the channel is closed. */
MUST_CHECK enum err ipc_channel_on_readable(struct ipc_channel *c, struct err_info *why);

/* Write what waits. Errors as above. */
MUST_CHECK enum err ipc_channel_on_writable(struct ipc_channel *c, struct err_info *why);

/* Hold back writing until the matching ipc_channel_release, which writes everything at
 * once. They nest. */
void ipc_channel_hold(struct ipc_channel *c);
MUST_CHECK enum err ipc_channel_release(struct ipc_channel *c, struct err_info *why);

/* Wait until one of the channels can go on, and let it: for processes without an event
 * loop. Entries may be NULL or closed. ERR_TIMEOUT after `timeout_ms` (-1: none) without
 * anything; ERR_UNAVAILABLE, ERR_PROTOCOL, ERR_IO or the handler's error of the first
 * channel that fails, its index in `*failed`. */
MUST_CHECK enum err ipc_channel_wait(struct ipc_channel *const *channels, size_t count,
                                     int timeout_ms, size_t *failed,
                                     struct err_info *why);

/* The same, and ERR_OK as soon as the (non-blocking) descriptor `wake` can be read, which
 * is emptied: for who sends on other threads. */
MUST_CHECK enum err ipc_channel_wait_or(struct ipc_channel *const *channels, size_t count,
                                        int wake, int timeout_ms, size_t *failed,
                                        struct err_info *why);

/* ipc_channel_send_NAME: queue one message and write if nobody else does. A descriptor is
 * duplicated; the caller keeps its own. ERR_UNAVAILABLE: closed, or the queue is full;
 * ERR_TOO_LARGE and ERR_MALFORMED as ipc_encode; ERR_PROTOCOL: not ours to send. A peer
 * that dies later is noticed by the reader. */
#define MESSAGE(NAME, name, from, to)                                                    \
    MUST_CHECK enum err ipc_channel_send_##name(                                         \
        struct ipc_channel *c, const struct message_##name *m, struct err_info *why);
#include "server/proc/messages.def"

/* The same for a message whose type is known at run time only. */
MUST_CHECK enum err ipc_channel_send(struct ipc_channel *c, const struct ipc_message *m,
                                     struct err_info *why);
