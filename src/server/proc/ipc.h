/* The messages between the processes: their structs, encoding and strict decoding.
 *
 * messages.def declares them. On the wire: length of the rest (32 bits), type (16 bits),
 * then the fields in order; numbers are big-endian 64 bits, texts and octets a 32-bit
 * length and the content. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/base/span.h"

#define IPC_HEADER_SIZE 6             /* octets: length and type */
#define IPC_BODY_MAX    (96U * 1024U) /* octets; every message is checked to fit */

/* Who speaks. Bits, so that messages.def can name several. */
enum ipc_role {
    IPC_SUPERVISOR = 1,
    IPC_FRONT = 2,
    IPC_VALIDATOR = 4,
    IPC_SIGNER = 8,
    IPC_RELAY = 16,                 /* of a CA: to perspectives on other hosts */
    IPC_DOOR = 32,                  /* of a perspective: to its CA */
    IPC_HUB = IPC_FRONT | IPC_DOOR, /* who talks to all others of its house */
    IPC_CHILD = IPC_HUB | IPC_VALIDATOR | IPC_SIGNER | IPC_RELAY,
};

enum ipc_type {
    IPC_NONE = 0,
#define MESSAGE(NAME, name, from, to) IPC_##NAME,
#include "server/proc/messages.def"
    IPC_TYPE_COUNT
};

/* struct message_check { uint64_t id; int64_t type; struct span identifier; ... }; spans
 * point into the received octets and are valid as long as these. */
#define MESSAGE(NAME, name, from, to) struct message_##name {
#define NUMBER(name, field)           uint64_t field;
#define INTEGER(name, field)          int64_t field;
#define TEXT(name, field, max)        struct span field;
#define OCTETS(name, field, max)      struct span field;
#define DESCRIPTOR(name, field)       int field;
#define END(NAME, name)                                                                  \
    }                                                                                    \
    ;
#include "server/proc/messages.def"

/* Any message: look at `type`, then at the member of that name. */
struct ipc_message {
    enum ipc_type type;
    union {
#define MESSAGE(NAME, name, from, to) struct message_##name as_##name;
#include "server/proc/messages.def"
    };
};

/* ipc_encode_NAME: append one whole frame. A descriptor is not part of it (ipc_channel
 * carries that). ERR_TOO_LARGE if a field is above its maximum or the buffer is full,
 * ERR_MALFORMED for a text that is no UTF-8; nothing is appended then. */
#define MESSAGE(NAME, name, from, to)                                                    \
    MUST_CHECK enum err ipc_encode_##name(struct buf *b, const struct message_##name *m, \
                                          struct err_info *why);
#include "server/proc/messages.def"

/* The same for a message whose type is known at run time only; ERR_PROTOCOL if the type
 * is none. */
MUST_CHECK enum err ipc_encode(struct buf *b, const struct ipc_message *m,
                               struct err_info *why);

/* How long is the frame that begins at `octets`, its header included? 0 if more octets
 * are needed to tell. ERR_PROTOCOL if it claims more than IPC_BODY_MAX or too little. */
MUST_CHECK enum err ipc_frame_size(struct span octets, size_t *size,
                                   struct err_info *why);

/* Read one whole frame. Spans in `m` point into `frame`; a descriptor is left at -1.
 * ERR_PROTOCOL: unknown type, field above its maximum, text that is no UTF-8 or has a
 * NUL, too few octets or octets left over. */
MUST_CHECK enum err ipc_decode(struct span frame, struct ipc_message *m,
                               struct err_info *why);

/* May `from` send this type to `to`? False for an unknown type. */
bool ipc_allowed(enum ipc_type type, enum ipc_role from, enum ipc_role to);

/* Is there a message from `from` to `to` that has a descriptor? */
bool ipc_carries(enum ipc_role from, enum ipc_role to);

/* Where a message keeps its descriptor; NULL if its type has none. */
int *ipc_descriptor(struct ipc_message *m);

/* "check"; "?" if unknown. */
const char *ipc_type_name(enum ipc_type type);

/* "front"; "?" if it is not exactly one role. And back: false if unknown. */
const char *ipc_role_name(enum ipc_role role);
bool ipc_role_read(const char *name, enum ipc_role *role);
