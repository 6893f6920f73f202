/* Serial numbers. */
#include "server/issue/serial.h"

#include "core/base/random.h"

#define SERIAL_PREFIX 0x2a

void serial_make(int64_t now, uint8_t serial[SERIAL_SIZE])
{
    serial[0] = SERIAL_PREFIX;
    for (int i = 0; i < 4; i++)
        serial[1 + i] = (uint8_t)((uint64_t)now >> (24 - 8 * i));
    random_fill(serial + 5, SERIAL_SIZE - 5);
}

bool serial_read_time(struct span serial, uint32_t *seconds)
{
    uint32_t time = 0;

    if (serial.len != SERIAL_SIZE || serial.data[0] != SERIAL_PREFIX)
        return false;
    for (int i = 1; i <= 4; i++)
        time = time << 8 | serial.data[i];
    *seconds = time;
    return true;
}
