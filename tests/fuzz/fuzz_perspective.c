/* What comes through TLS between relay and door, heard by each of them: the first octet
 * says by whom, the second in which pieces. */
#include <stdint.h>
#include <stdlib.h>

#include "server/perspective/perspective_wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct heard {
    struct perspective_wire *wire;
    size_t count;
};

/* Only what the order allows may come here. */
static enum err on_message(void *context, struct ipc_message *m, struct err_info *why)
{
    struct heard *h = context;
    enum ipc_role peer = h->wire->self == IPC_RELAY ? IPC_DOOR : IPC_RELAY;

    (void)why;
    if (!ipc_allowed(m->type, peer, h->wire->self) || !h->wire->greeted ||
        (h->count++ == 0) != (m->type == IPC_GREETING) || m->type == IPC_FAREWELL)
        abort();
    if (m->type == IPC_VERDICT && m->as_verdict.valid == 0 &&
        (m->as_verdict.code <= ERR_OK || m->as_verdict.code >= ERR_COUNT))
        abort();
    return ERR_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err_info why = {0};

    if (size < 2)
        return 0;
    struct perspective_wire wire =
        perspective_wire_make((data[0] & 1) != 0 ? IPC_RELAY : IPC_DOOR);
    struct heard heard = {.wire = &wire};
    struct span rest = span_make(data + 2, size - 2);
    size_t step = (size_t)data[1] + 1;
    while (rest.len > 0) {
        struct span piece = span_slice(rest, 0, step);
        if (perspective_wire_take(&wire, piece, on_message, &heard, &why) != ERR_OK)
            break;
        rest = span_slice(rest, piece.len, SIZE_MAX);
    }
    perspective_wire_free(&wire);
    return 0;
}
