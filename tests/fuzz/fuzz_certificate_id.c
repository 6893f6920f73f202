/* The name of a certificate (RFC 9773 4.1); each has one spelling. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/acme/certificate_id.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(arena) struct arena *a = arena_new();
    struct span text = span_make(data, size);
    struct certificate_id id;
    struct err_info why = {0};

    if (certificate_id_read(a, text, &id, &why) != ERR_OK)
        return 0;
    const char *again = certificate_id_text(a, &id);
    if (again == NULL || !span_is(text, again))
        abort();
    return 0;
}
