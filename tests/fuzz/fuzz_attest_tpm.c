/* An attestation of a TPM, and the structures in it by themselves. */
#include "attest_fuzz.h"
#include "core/tpm/tpm_read.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(arena) struct arena *a = arena_new();
    struct tpm_public *object = NULL;
    struct tpm_attest *attest = NULL;
    struct tpm_signature *signature = NULL;
    struct err_info why = {0};
    struct span octets = span_make(data, size);

    attest_fuzz(ATTEST_TPM, data, size);
    (void)!tpm_read_public(a, octets, &object, &why);
    (void)!tpm_read_attest(a, octets, TPM_ATTEST_CERTIFY, &attest, &why);
    (void)!tpm_read_attest(a, octets, TPM_ATTEST_CREATION, &attest, &why);
    (void)!tpm_read_signature(a, octets, &signature, &why);
    return 0;
}
