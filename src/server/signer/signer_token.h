/* The issuing keys that are in tokens: modules, PINs, rights. */
#pragma once

#include "core/pkcs11/pkcs11.h"
#include "server/proc/sandbox.h"
#include "server/settings/settings.h"
#include "server/signer/signer_core.h"

/* What only who starts the signer can read. */
struct signer_secrets {
    const struct secret *passphrase; /* of the keys in files; empty: none */
    const struct secret *pins;       /* of the tokens, one for each issuer; empty: none */
};

/* Load the modules, which is done before files can no more be opened. NULL if no key is
 * in a token. Free with pkcs11_free. */
MUST_CHECK enum err signer_token_load(const struct settings *s, struct pkcs11 **p,
                                      struct err_info *why);

/* The rights that the modules need, for the sandbox. */
void signer_token_rights(struct arena *a, const struct settings *s,
                         struct sandbox_plan *plan);

/* Start the modules and open the keys; what they may take too long for ends this process.
 * Errors name the option of the key. */
MUST_CHECK enum err signer_token_open(const struct settings *s,
                                      const struct signer_secrets *secrets,
                                      struct pkcs11 *p, struct signer_core *core,
                                      struct err_info *why);
