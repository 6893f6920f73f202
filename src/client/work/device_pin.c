/* PINs of devices. */
#include "client/work/device_pin.h"

#include "client/device/device.h"
#include "core/base/secret_file.h"

enum err device_pin_read(struct arena *a, const char *option, const char *path,
                         struct span *pin, struct err_info *why)
{
    struct span read = {0};

    *pin = read;
    if (path[0] == '\0')
        return ERR_OK;
    TRY(secret_file_read(a, option, path, DEVICE_PIN_MAX + 1, &read, why));
    if (read.len > 0 && read.data[read.len - 1] == '\n')
        read.len--;
    if (read.len == 0 || read.len > DEVICE_PIN_MAX)
        return err_set(why, ERR_CONFIG, "%s: %s is empty, or longer than %d", option,
                       path, DEVICE_PIN_MAX);
    *pin = read;
    return ERR_OK;
}
