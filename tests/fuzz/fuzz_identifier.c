/* A name and an address that a client asks for: what was made canonical is so already. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/acme/identifier.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(arena) struct arena *a = arena_new();
    const char *text = arena_string_of(a, span_make(data, size));
    struct identifier first = {0};
    struct identifier again = {0};
    struct err_info why = {0};
    struct address address;

    if (identifier_read_dns(a, text, &first, &why) == ERR_OK &&
        (identifier_read_dns(a, first.value, &again, &why) != ERR_OK ||
         !identifier_equal(&first, &again) || strlen(first.value) > IDENTIFIER_DNS_MAX ||
         address_parse(span_of(identifier_base(&first)), &address)))
        abort();
    if (identifier_read_ip(a, text, &first, &why) == ERR_OK &&
        (strcmp(first.value, text) != 0 || !identifier_address(&first, &address) ||
         identifier_read_dns(a, text, &again, &why) == ERR_OK))
        abort();
    return 0;
}
