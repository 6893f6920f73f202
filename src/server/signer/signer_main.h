/* The signer's process. */
#pragma once

#include "core/base/err.h"
#include "core/base/secret.h"
#include "server/settings/settings.h"

/* Open what it needs, enter the sandbox, and answer the front until the house closes.
 * Returns the exit code. */
int signer_main(const struct settings *settings, const struct secret *passphrase);
