/* Keys of a TPM as text: "TSS2 PRIVATE KEY", the TPMKey that OpenSSL's engines and
 * providers for TPMs read (2.23.133.10.1.3). The private half in it is encrypted by its
 * parent: it is of use in that TPM only. */
#pragma once

#include "client/device/tpm_object.h"
#include "core/base/buf.h"

#define TPM_KEY_FILE_MAX 4096 /* octets of the DER */

/* Append a key without a password, PEM. ERR_INTERNAL. */
MUST_CHECK enum err tpm_key_file_write(struct buf *b, const struct tpm_blob *blob,
                                       struct err_info *why);

/* The first one of a text. ERR_MALFORMED: none, not exactly such a structure, or one with
 * a password or a policy. */
MUST_CHECK enum err tpm_key_file_read(struct span text, struct tpm_blob *blob,
                                      struct err_info *why);
