/* A PKCS #11 URI; what is written must read the same again. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/err.h"
#include "core/pkcs11/pkcs11_uri.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(arena) struct arena *a = arena_new();
    struct err_info why = {0};
    struct pkcs11_uri uri;
    struct pkcs11_uri again;

    if (size > PKCS11_URI_MAX / 3)
        return 0; /* what is written may be longer than PKCS11_URI_MAX */
    if (pkcs11_uri_read(a, span_make(data, size), &uri, &why) != ERR_OK) {
        if (why.code != ERR_CONFIG || why.detail[0] == '\0')
            abort();
        return 0;
    }
    char *text = pkcs11_uri_text(a, &uri);
    if (!pkcs11_uri_is(text) ||
        pkcs11_uri_read(a, span_of(text), &again, &why) != ERR_OK ||
        !span_equal(uri.id, again.id) || uri.has_slot != again.has_slot ||
        uri.slot != again.slot || strcmp(text, pkcs11_uri_text(a, &again)) != 0)
        abort();
    return 0;
}
