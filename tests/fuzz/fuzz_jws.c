/* Any octets as a JWS, and as its protected header; what is read with a key is verified.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "core/base/base64url.h"
#include "core/jose/jws.h"
#include "core/jose/jws_mac.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try(struct span text)
{
    struct arena *a = arena_new();
    struct jws *jws = NULL;
    struct jws_mac *mac = NULL;
    const struct jws_verified *verified = NULL;
    const struct json *value = NULL;
    struct err_info why = {0};

    if (jws_read(a, text, &jws, &why) == ERR_OK) {
        if ((jws->jwk == NULL) == (jws->kid == NULL) || jws->signature.len == 0)
            abort();
        if (jws->jwk != NULL)
            (void)!jws_verify(a, jws, jws->jwk, &verified, &why);
    } else if (why.detail[0] == '\0') {
        abort();
    }
    if (json_read(a, text, &value, &why) == ERR_OK &&
        jws_mac_read(a, value, &mac, &why) == ERR_OK)
        (void)!jws_mac_verify(mac, span_of("0123456789abcdef"), &why);
    arena_free(a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf b = buf_make(size * 2 + 200);

    try(span_make(data, size));
    buf_add_text(&b, "{\"protected\":\"");
    base64url_add(&b, span_make(data, size));
    buf_add_text(&b, "\",\"payload\":\"e30\",\"signature\":\"AAAA\"}");
    try(buf_span(&b));
    buf_free(&b);
    return 0;
}
