/* An attestation of a PIV token. */
#include "attest_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    attest_fuzz(ATTEST_STEP, data, size);
    return 0;
}
