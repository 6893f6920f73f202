/* External account binding (RFC 8555 7.3.4) as the process with the keys makes it: the
 * MAC key is read when it is needed, and leaves this process no more than the account's.
 */
#pragma once

#include "core/base/arena.h"
#include "core/base/err.h"
#include "core/base/span.h"
#include "core/crypto/key.h"

/* What the user was given by the CA; each NULL if it was not. */
struct binding {
    const char *kid;
    const char *key_file;  /* base64url */
    const char *algorithm; /* NULL: HS256 */
};

/* Do they belong together? ERR_USAGE. */
MUST_CHECK enum err binding_check(const struct binding *binding, struct err_info *why);

/* The binding of an account's key, for the URL of newAccount: a flattened JWS, in the
 * arena. ERR_CONFIG if the MAC key cannot be read, can be read by others, or is none;
 * ERR_PROTOCOL if it is no https URL. */
MUST_CHECK enum err binding_make(struct arena *a, const struct binding *binding,
                                 const struct key *account_key, const char *url,
                                 struct span *jws, struct err_info *why);
