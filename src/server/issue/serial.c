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
