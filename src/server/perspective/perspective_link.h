/* One connection between a relay and a door: TLS on an event loop, messages both ways. It
 * knows nothing of time: its owner frees it when it takes too long. */
#pragma once

#include "core/base/err.h"
#include "core/net/loop.h"
#include "core/net/tls.h"
#include "server/perspective/perspective_wire.h"
#include "server/settings/settings.h"

#define PERSPECTIVE_LINK_QUEUE_MAX (4U * 1024U * 1024U) /* octets on their way out */

struct perspective_link;

struct perspective_link_owner {
    /* TLS is up: the other end's key is one of the context's pins. (A server's client may
     * still be refused by it; then `ended` follows.) */
    void (*opened)(void *argument);
    /* A message. An error ends the link after what was sent has left. The link must not
     * be freed here. */
    enum err (*message)(void *argument, struct ipc_message *m, struct err_info *why);
    /* It is over, said once; to be freed, also here. */
    void (*ended)(void *argument, enum err code, const struct err_info *why);
    void *argument;
};

/* A link over a socket, which is the link's from now on. The relay's (`self`) is still
 * being connected (socket_connect_begin), the door's was accepted. */
struct perspective_link *perspective_link_new(struct loop *loop, struct tls_context *tls,
                                              int fd, enum ipc_role self,
                                              const struct perspective_link_owner *owner);

/* Close at once; `ended` is not called. NULL is fine. */
void perspective_link_free(struct perspective_link *link);

/* Queue a message; it leaves in this turn of the loop if there is room. ERR_UNAVAILABLE:
 * not open, or the other end does not keep up; and as ipc_encode(). */
MUST_CHECK enum err perspective_link_send(struct perspective_link *link,
                                          const struct ipc_message *m,
                                          struct err_info *why);

/* What was sent goes out, as far as the socket takes it, then TLS's own farewell. */
void perspective_link_finish(struct perspective_link *link);

/* Has the other end's good greeting come? */
bool perspective_link_is_greeted(const struct perspective_link *link);

/* The other end's key, after `opened`. */
const uint8_t *perspective_link_pin(const struct perspective_link *link);
