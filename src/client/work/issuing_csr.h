/* A request that the user brings along: it is used as it is, and its key is elsewhere. */
#pragma once

#include "client/work/issuing.h"
#include "core/x509/csr.h"

/* The SHA-256 of the request in a file, hexadecimal: "" with no path, NULL if it cannot
 * be read. */
const char *issuing_csr_digest(struct arena *a, const char *path);

/* Read the file of the option csr, PEM or DER, and put its names where those of the
 * certificate are; if the settings say names, they must be the same. `*key_type` is how
 * settings call its key, or what they would call it. ERR_CONFIG. */
MUST_CHECK enum err issuing_csr_read(struct arena *a, struct issuing *i,
                                     const struct csr_checked **csr,
                                     const char **key_type, struct err_info *why);

/* The names in such a file, as if they had been typed: canonical, each once. ERR_CONFIG
 * with a sentence that begins with the path. */
MUST_CHECK enum err issuing_csr_names(struct arena *a, const char *path,
                                      struct config_list *names, struct err_info *why);

/* Is the option csr, if it is given, a request for the names the settings say, if they
 * say any? ERR_CONFIG. */
MUST_CHECK enum err issuing_csr_check(struct arena *a,
                                      const struct settings_certificate *c,
                                      struct err_info *why);
