/* A TPM 2.0 that was reached: its connection, and what its refusals mean. */
#pragma once

#include <stdint.h>

#include <tss2/tss2_esys.h>

#include "core/base/arena.h"
#include "core/base/err.h"

#define TPM_LINK_DEFAULT "device:/dev/tpmrm0"

struct tpm_link {
    TSS2_TCTI_CONTEXT *tcti;
    ESYS_CONTEXT *esys;
    const char *manufacturer; /* TPM_PT_MANUFACTURER as a decimal number */
    const char *vendor;       /* that as letters, "IBM" */
    const char *model;        /* the vendor's string, without spaces around */
    const char *firmware;     /* "8215.1544" */
};

/* Reach the TPM that a TCTI names (tpm2-tss), and ask what it is, unless that is known
 * from an earlier time; `link` is all zero at the first. Texts are in the arena.
 * The password, empty for none, is that of the owner and endorsement hierarchies.
 * ERR_NOT_FOUND, ERR_IO. */
MUST_CHECK enum err tpm_link_open(struct arena *a, const char *tcti, struct span password,
                                  struct tpm_link *link, struct err_info *why);

/* One that was not opened is fine. */
void tpm_link_close(struct tpm_link *link);

/* What a failed command means, in a sentence that begins with `what` was tried:
 * ERR_LOCKED (locked out, no room), ERR_UNAUTHORIZED (a password is missing or wrong),
 * ERR_NOT_FOUND (what is loaded is of another TPM, or from before it was cleared),
 * ERR_USAGE (it has no such algorithm), ERR_IO. Returns the code; ERR_OK if it did not
 * fail. */
enum err tpm_link_judge(TSS2_RC result, const char *what, struct err_info *why);

/* A property of the group TPM2_CAP_TPM_PROPERTIES; 0 if it has none such. */
uint32_t tpm_link_property(struct tpm_link *link, uint32_t property);
