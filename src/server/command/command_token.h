/* Keys in tokens, for the commands that make certificates of CAs. They live as long as
 * the arena of the command. */
#pragma once

#include "core/base/arena.h"
#include "core/base/err.h"
#include "core/crypto/key.h"

/* How a command comes to a token. */
struct command_token {
    const char *module;    /* path of the PKCS #11 module; NULL: not told */
    const char *directory; /* what the next one is relative to */
    const char *pin;       /* file with the PIN, or credential:NAME; NULL or "": none */
};

/* The key a URI names. ERR_USAGE without a module, ERR_CONFIG, ERR_CRYPTO. */
MUST_CHECK enum err command_token_open(struct arena *a, const char *uri,
                                       const struct command_token *token,
                                       struct key **key, struct err_info *why);

/* Could a key be made there? Asked before another is made that would be left over. */
MUST_CHECK enum err command_token_is_free(struct arena *a, const char *text,
                                          const struct command_token *token,
                                          struct err_info *why);

/* Make it, of a type of HIERARCHY_KEY_TYPES. ERR_EXISTS: it is there already. */
MUST_CHECK enum err command_token_make(struct arena *a, const char *uri,
                                       const struct command_token *token,
                                       const char *type, struct key **key,
                                       struct err_info *why);
