/* otherName of devices: what was read and written again reads the same. */
#include <stdint.h>
#include <stdlib.h>

#include "core/base/memory.h"
#include "core/x509/device_name.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct device_name read;
    struct device_name again;
    size_t room = size + 64;

    if (device_name_read(span_make(data, size), &read) <= DEVICE_NAME_MALFORMED)
        return 0;
    uint8_t *octets = memory_get_zeroed(room, 1);
    struct der_writer w = der_writer_make(octets, room);
    device_name_write(&w, &read);
    struct der_reader r = der_read_start(der_write_take(&w), 1);
    struct span content = der_read_expect(&r, DER_SAN_OTHER);
    if (device_name_read(content, &again) != read.kind ||
        !span_equal(read.id, again.id) || !span_equal(read.oid, again.oid))
        abort();
    free(octets);
    return 0;
}
