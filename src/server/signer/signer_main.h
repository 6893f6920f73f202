/* The signer's process. */
#pragma once

#include "core/base/err.h"
#include "server/settings/settings.h"
#include "server/signer/signer_token.h"

/* Open what it needs, enter the sandbox, and answer the front until the house closes.
 * Returns the exit code. */
int signer_main(const struct settings *settings, const struct signer_secrets *secrets);

/* Could a signer begin with these settings: are the keys there, and those of their
 * certificates? Nothing is written, nothing stays. ERR_CONFIG, ERR_CRYPTO, ERR_IO. */
MUST_CHECK enum err signer_main_try(const struct settings *settings,
                                    const struct secret *passphrase,
                                    struct err_info *why);
