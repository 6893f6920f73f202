/* The safe: holds the issuing key, signs only what it has linted itself. */
#pragma once

#include "core/base/arena.h"
#include "core/base/err.h"
#include "core/base/secret.h"
#include "core/base/span.h"

struct signer_core;

struct signer_options {
    struct span certificate_pem;     /* the issuing certificate, first of the text */
    struct span key_pem;             /* its key */
    const struct secret *passphrase; /* NULL: the key is not encrypted */
    int64_t max_lifetime;            /* seconds; longer certificates are refused */
    int journal_fd;      /* opened for appending; owned from now on; -1: none */
    struct span journal; /* its last lines, from which the signed serials are known */
};

/* Read certificate and key and check that they belong together. ERR_CONFIG, ERR_CRYPTO.
 */
MUST_CHECK enum err signer_core_new(const struct signer_options *options,
                                    struct signer_core **core, struct err_info *why);

/* Another longest lifetime (seconds) from now on. */
void signer_core_set_lifetime(struct signer_core *core, int64_t max_lifetime);

/* Wipe and free. NULL is fine. */
void signer_core_free(struct signer_core *core);

/* Lint, note in the journal, sign, read again; the certificate (DER) is in the arena. The
 * same octets may be signed again. ERR_LINT: it breaks a rule and is never signed.
 * ERR_CONFLICT: its serial was used for other octets. ERR_IO: the journal cannot be
 * written. */
MUST_CHECK enum err signer_core_sign(struct signer_core *core, struct arena *a,
                                     struct span tbs, struct span *certificate,
                                     struct err_info *why);
