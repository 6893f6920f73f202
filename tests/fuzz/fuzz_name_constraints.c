/* Name constraints: what was read, once its own kinds are written again, reads the same.
 */
#include <stdint.h>
#include <stdlib.h>

#include "core/base/err.h"
#include "core/x509/name_constraints.h"

#define ROOM (256 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(arena) struct arena *a = arena_new();
    struct name_constraints read = {0};
    struct name_constraints again = {0};

    if (size > ROOM / 4 ||
        name_constraints_read(a, span_make(data, size), &read, NULL) != ERR_OK)
        return 0;
    (void)name_constraints_refuse_dns(&read, span_of("*.corp.test"));
    (void)name_constraints_refuse_address(&read, span_make("\x0a\x00\x00\x01", 4));
    (void)name_constraints_refuse_subject(&read, span_make(data, size));
    struct der_writer w = der_writer_make(arena_get(a, ROOM), ROOM);
    name_constraints_write(&w, &read);
    struct span written = der_write_take(&w);
    bool others = read.has_others ||
                  read.permitted.directory_count + read.excluded.directory_count > 0;
    if (!others && (name_constraints_read(a, written, &again, NULL) != ERR_OK ||
                    again.permitted.dns_count != read.permitted.dns_count ||
                    again.excluded.network_count != read.excluded.network_count))
        abort();
    return 0;
}
