/* Messages between the processes of cairn: a type and a few fields of octets, over a
 * socket, one call at a time. Both ends are the same program. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "core/base/arena.h"
#include "core/base/err.h"
#include "core/base/span.h"

#define WIRE_FIELDS_MAX  12
#define WIRE_MESSAGE_MAX (4 * 1024 * 1024) /* octets of all fields together */

enum wire_type {
#define CALL(name) WIRE_##name,
#include "client/proc/calls.def"
#undef CALL
    WIRE_TYPE_COUNT
};

struct wire_message {
    enum wire_type type;
    struct span fields[WIRE_FIELDS_MAX];
    size_t count;
};

/* Send it. ERR_IO if the other process is gone. */
MUST_CHECK enum err wire_send(int fd, const struct wire_message *m, struct err_info *why);

/* As wire_send, and hands the descriptor `passed` over; it stays open here. */
MUST_CHECK enum err wire_send_descriptor(int fd, const struct wire_message *m, int passed,
                                         struct err_info *why);

/* Wait for the next message; its fields live in the arena. `*passed` gets the descriptor
 * that came with it, -1 if none did; with `passed` NULL none is taken. ERR_IO if the
 * other process is gone, ERR_INTERRUPTED, ERR_PROTOCOL. */
MUST_CHECK enum err wire_receive(struct arena *a, int fd, struct wire_message *m,
                                 int *passed, struct err_info *why);

/* As wire_receive, for what must be waited for although a signal has come: until the
 * monotonic time `end_us`, or another signal. ERR_TIMEOUT, ERR_INTERRUPTED. */
MUST_CHECK enum err wire_receive_until(struct arena *a, int fd, struct wire_message *m,
                                       int64_t end_us, struct err_info *why);

/* As wire_receive, for the answer of somebody who answers at once: whatever signals come.
 * ERR_IO, ERR_PROTOCOL, ERR_TIMEOUT. */
MUST_CHECK enum err wire_receive_on(struct arena *a, int fd, struct wire_message *m,
                                    int *passed, struct err_info *why);

/* Send a failure: code, wait and sentence of `why`. */
MUST_CHECK enum err wire_send_failure(int fd, const struct err_info *failure,
                                      struct err_info *why);

/* The failure of a WIRE_FAIL message, recorded in `why`; returns its code. */
enum err wire_failure(const struct wire_message *m, struct err_info *why);

/* Ask and wait for the ANSWER, whose first field (or the empty span) goes to `answer`
 * unless that is NULL. A FAIL becomes the error it tells of. */
MUST_CHECK enum err wire_call(struct arena *a, int fd, const struct wire_message *m,
                              struct span *answer, struct err_info *why);
