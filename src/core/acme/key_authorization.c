/* Key authorizations (RFC 8555 8.1). */
#include "core/acme/key_authorization.h"

#include "core/base/base64url.h"

char *key_authorization_text(struct arena *a, const char *token,
                             const uint8_t thumbprint[JWK_THUMBPRINT_SIZE])
{
    return arena_printf(a, "%s.%s", token,
                        base64url_string(a, span_make(thumbprint, JWK_THUMBPRINT_SIZE)));
}
