/* An attestation of format "packed". */
#include "attest_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    attest_fuzz(ATTEST_PACKED, data, size);
    return 0;
}
