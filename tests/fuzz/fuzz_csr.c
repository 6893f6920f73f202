/* A certificate request from a stranger. */
#include <stdint.h>

#include "core/base/err.h"
#include "core/x509/csr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(arena) struct arena *a = arena_new();
    const struct csr_checked *csr = NULL;
    struct err_info why = {0};

    (void)!csr_read(a, span_make(data, size), &csr, &why);
    return 0;
}
