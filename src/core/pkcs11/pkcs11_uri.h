/* Names of keys in tokens: PKCS #11 URIs (RFC 7512).
 *
 * What is known is read to the letter, what is not is refused, so that a misspelt
 * attribute never makes another key the one that is meant. A PIN in the URI is refused
 * too: it would be in the configuration, which others may read. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/base/arena.h"
#include "core/base/err.h"
#include "core/base/span.h"

#define PKCS11_URI_MAX 2048 /* octets */

struct pkcs11_uri {
    const char *token; /* texts are UTF-8 without control characters; NULL: not given */
    const char *manufacturer;
    const char *serial;
    const char *model;
    const char *object; /* label of the key */
    struct span id;     /* CKA_ID of the key; empty: not given */
    bool has_slot;
    uint64_t slot;
    const char *module_path; /* absolute */
    const char *pin_file;    /* absolute, from pin-source=file:... */
};

/* Does it begin as such a URI does? The scheme is read without regard to case (RFC 3986
 * 3.1). */
bool pkcs11_uri_is(const char *text);

/* Read one that names a private key: a token and a key by at least one attribute each.
 * Everything lives in the arena. ERR_CONFIG, with a sentence that does not repeat
 * values of attributes a PIN could be in. */
MUST_CHECK enum err pkcs11_uri_read(struct arena *a, struct span text,
                                    struct pkcs11_uri *uri, struct err_info *why);

/* The same as a URI again, with only what must be escaped escaped. */
char *pkcs11_uri_text(struct arena *a, const struct pkcs11_uri *uri);
