/* External account binding (RFC 8555 7.3.4) as the process with the keys makes it: the
 * MAC key is read when it is needed, and leaves this process no more than the account's.
 */
#pragma once

#include "client/settings/settings.h"
#include "core/base/arena.h"
#include "core/base/err.h"
#include "core/base/span.h"
#include "core/crypto/key.h"

/* The binding of an account's key, for the URL of newAccount: a flattened JWS, in the
 * arena. ERR_CONFIG if the MAC key cannot be read, can be read by others, or is none;
 * ERR_PROTOCOL if it is no https URL. */
MUST_CHECK enum err binding_make(struct arena *a, const struct settings_ca *ca,
                                 const struct key *account_key, const char *url,
                                 struct span *jws, struct err_info *why);
