/* Revocation lists as they come to the signer: in a file in memory. */
#pragma once

#include "core/base/err.h"
#include "core/base/span.h"

/* Map the beginning of a file up to `length` octets behind `offset`; munmap() is the
 * caller's. Only of a file that nobody can change any more, so that what is signed is
 * what was linted, and what stands in the audit log. ERR_LINT, ERR_IO. */
MUST_CHECK enum err signer_sealed_map(int fd, uint64_t offset, uint64_t length,
                                      struct span *map, struct err_info *why);
