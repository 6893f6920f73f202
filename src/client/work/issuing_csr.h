/* A request that the user brings along: it is used as it is, and its key is elsewhere. */
#pragma once

#include "client/work/issuing.h"
#include "core/x509/csr.h"

/* Read the file of the option csr, PEM or DER, and put its names where those of the
 * certificate are; if the settings say names, they must be the same. `*key_type` is how
 * settings call its key, or what they would call it. ERR_CONFIG. */
MUST_CHECK enum err issuing_csr_read(struct arena *a, struct issuing *i,
                                     const struct csr_checked **csr,
                                     const char **key_type, struct err_info *why);
