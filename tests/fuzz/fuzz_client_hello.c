/* What a connection begins with: no octet outside of it is read, and what its beginnings
 * say never contradicts what the whole says. */
#include <stdint.h>
#include <stdlib.h>

#include "core/net/client_hello.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct client_hello whole;
    static struct client_hello part;

    enum client_hello_result result = client_hello_read(span_make(data, size), &whole);
    for (size_t n = 0; n < size && n < 400; n++) {
        enum client_hello_result early = client_hello_read(span_make(data, n), &part);
        if (early != CLIENT_HELLO_MORE && early != result)
            abort();
        if (early == CLIENT_HELLO_READ &&
            (!span_equal(part.server_name, whole.server_name) ||
             !span_equal(part.protocols, whole.protocols)))
            abort();
    }
    (void)client_hello_wants_only(&whole, "acme-tls/1");
    return 0;
}
