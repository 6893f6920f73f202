/* A certificate, and a PEM text. */
#include <stdint.h>

#include "core/base/err.h"
#include "core/x509/certificate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(arena) struct arena *a = arena_new();
    struct span ders[CERTIFICATE_CHAIN_MAX];
    struct certificate *certificate = NULL;
    struct err_info why = {0};
    size_t count = 0;

    (void)!certificate_read(a, span_make(data, size), &certificate, &why);
    (void)!certificate_read_tbs(a, span_make(data, size), &certificate, &why);
    (void)!certificate_from_pem(a, span_make(data, size), ders, CERTIFICATE_CHAIN_MAX,
                                &count, &why);
    return 0;
}
