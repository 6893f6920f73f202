/* Keys of a TPM as text: what was read and written again reads the same. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "client/device/tpm_key_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(buf) struct buf b = buf_make(4 * TPM_KEY_FILE_MAX);
    AUTO(buf) struct buf again = buf_make(4 * TPM_KEY_FILE_MAX);
    struct tpm_blob blob;
    struct tpm_blob read;

    if (tpm_key_file_read(span_make(data, size), &blob, NULL) != ERR_OK)
        return 0;
    /* one that a TPM has never made may not be one that can be written */
    if (tpm_key_file_write(&b, &blob, NULL) != ERR_OK)
        return 0;
    if (tpm_key_file_read(buf_span(&b), &read, NULL) != ERR_OK ||
        tpm_key_file_write(&again, &read, NULL) != ERR_OK ||
        !span_equal(buf_span(&b), buf_span(&again)))
        abort();
    return 0;
}
