/* A frame from another process; what is read can be written, and is the same then. */
#include <stdint.h>
#include <stdlib.h>

#include "core/base/err.h"
#include "server/proc/ipc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(buf) struct buf b = buf_make(2 * IPC_BODY_MAX);
    struct span frame = span_make(data, size);
    struct err_info why = {0};
    struct ipc_message m;
    size_t len = 0;

    (void)!ipc_frame_size(frame, &len, &why);
    if (ipc_decode(frame, &m, &why) != ERR_OK)
        return 0;
    if (ipc_encode(&b, &m, &why) != ERR_OK || !span_equal(buf_span(&b), frame))
        abort();
    return 0;
}
