/* Key authorizations (RFC 8555 8.1): what answers a challenge. */
#pragma once

#include "core/base/arena.h"
#include "core/base/span.h"
#include "core/jose/jwk.h"

/* token "." base64url(thumbprint), NUL-terminated, in the arena. */
char *key_authorization_text(struct arena *a, const char *token,
                             const uint8_t thumbprint[JWK_THUMBPRINT_SIZE]);
