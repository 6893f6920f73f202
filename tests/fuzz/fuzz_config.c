/* A configuration file. */
#include <stdint.h>

#include "core/base/err.h"
#include "server/settings/settings.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(arena) struct arena *a = arena_new();
    const struct settings *settings = NULL;
    struct err_info why = {0};

    (void)!settings_read(a, "/ca", span_make(data, size), NULL, 0, &settings, &why);
    return 0;
}
