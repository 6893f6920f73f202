/* Messages between cairn's processes, of which those with the network may be captured. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "client/flow/flow_options.h"
#include "client/flow/flow_renewal_info.h"
#include "client/proc/wire.h"

#define MOST 8192 /* octets; they fit into a socket */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look_at(struct arena *a, const struct wire_message *m)
{
    struct flow_renewal_info info = {0};
    struct flow_options options = {0};
    struct err_info why = {0};

    for (size_t i = 0; i < m->count; i++)
        if (m->fields[i].data == NULL || m->fields[i].data[m->fields[i].len] != 0)
            abort(); /* each ends with a NUL that is not counted */
    if (m->type == WIRE_FAIL && wire_failure(m, &why) == ERR_OK)
        abort();
    if (m->count == 0)
        return;
    (void)!flow_renewal_info_read(a, m->fields[0], &info, &why);
    (void)!flow_options_read(a, m->fields[0], &options, &why);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int pair[2];

    if (size > MOST)
        return 0;
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0 ||
        write(pair[0], data, size) != (ssize_t)size)
        abort();
    (void)close(pair[0]);
    for (;;) {
        AUTO(arena) struct arena *a = arena_new();
        struct wire_message m;
        struct err_info why = {0};
        if (wire_receive(a, pair[1], &m, NULL, &why) != ERR_OK)
            break;
        look_at(a, &m);
    }
    (void)close(pair[1]);
    return 0;
}
