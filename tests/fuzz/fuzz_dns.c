/* A DNS response. */
#include <stdint.h>

#include "core/base/err.h"
#include "core/dns/dns_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct address addresses[4];
    struct err_info why = {0};
    size_t count = 0;

    (void)!dns_message_addresses(span_make(data, size), DNS_A, addresses, 4, &count,
                                 &why);
    (void)!dns_message_addresses(span_make(data, size), DNS_AAAA, addresses, 4, &count,
                                 &why);
    return 0;
}
