/* An attestation of an Android device, and the structures in it by themselves. */
#include "attest_fuzz.h"
#include "core/attest/android_description.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct android_description description;
    struct err_info why = {0};
    struct span found;
    bool verified;

    attest_fuzz(ATTEST_ANDROID_KEY, data, size);
    (void)!android_description_read(span_make(data, size), &description, &why);
    (void)!android_description_find(span_make(data, size), ANDROID_SERIAL, &found, &why);
    (void)!android_description_verified(span_make(data, size), &verified, &why);
    return 0;
}
