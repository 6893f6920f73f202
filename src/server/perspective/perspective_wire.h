/* What relay and door say to each other inside TLS: the frames of proc/ipc, in an order
 * that is checked.
 *
 *     relay                        door
 *     GREETING            ->       GREETING, or GREETING and FAREWELL
 *     CHECK*, PING*       ->       TROUBLE*, VERDICT; PONG; FAREWELL before it ends
 *
 * PERSPECTIVE_WIRE_PROTOCOL counts up when any of these messages but GREETING changes, or
 * a number in them means something else. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/buf.h"
#include "core/base/err.h"
#include "server/proc/ipc.h"

#define PERSPECTIVE_WIRE_PROTOCOL 1
#define PERSPECTIVE_WIRE_ALPN     "cairn-perspective"

/* One end's ear. */
struct perspective_wire {
    enum ipc_role self; /* IPC_RELAY or IPC_DOOR */
    bool greeted;       /* the other end's GREETING has come, and is good */
    struct buf input;
};

/* Called for each message; an error ends the conversation. Spans live during the call. */
typedef enum err perspective_wire_handler(void *context, struct ipc_message *m,
                                          struct err_info *why);

/* A new one, which has heard nothing; free it. */
struct perspective_wire perspective_wire_make(enum ipc_role self);

/* Free what it holds. */
void perspective_wire_free(struct perspective_wire *w);

/* Take octets and hand over every message that is whole by now. ERR_PROTOCOL with a
 * sentence for what is no message, comes from the wrong end or at the wrong time, or a
 * greeting in another protocol; ERR_REFUSED with the door's own sentence for a FAREWELL;
 * or what the handler returned. */
MUST_CHECK enum err perspective_wire_take(struct perspective_wire *w, struct span octets,
                                          perspective_wire_handler *handler,
                                          void *context, struct err_info *why);

/* The codes of verdicts have numbers of their own on the wire: enum err is another in
 * each version. What has none is sent as that of ERR_SERVER_INTERNAL; false for a number
 * that means nothing. */
int64_t perspective_wire_code(enum err code);
bool perspective_wire_read_code(int64_t number, enum err *code);
